/** The accounts that pay for a gateway's keys, each with its running bills. */
import { type Hex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { createLedger, type Ledger } from '@weightless/ledger'
import type { LocalAccount } from 'viem'
import { createProviderCaller } from './callProvider.ts'
import { createFunder } from './fundTab.ts'
import type { Payer } from './gatewayContext.ts'
import type { GatewayLimits, GatewayOptions } from './gatewayOptions.ts'
import { hashSecret, keyIdOf } from './keys/apiKey.ts'
import { openTab, type Tab } from './openTab.ts'
import type { ListedProvider } from './providerDirectory.ts'
import type { PurseLog } from './purseLog.ts'

/** Who pays for a key: the account it was given in the settings, or the gateway's own. */
export type PayerOf = { (keyId: string): Payer; all(): Payer[] }

/** @throws {PayerMissingError} no key and no account was given */
export function createPayers(options: GatewayOptions, limits: GatewayLimits, purse: PurseLog): PayerOf {
  const byAddress = new Map<Hex, Payer>()
  const payerWith = (account: LocalAccount): Payer => {
    const address = account.address.toLowerCase() as Hex
    let payer = byAddress.get(address)
    if (!payer) {
      payer = createPayer(options, limits, purse, account)
      byAddress.set(address, payer)
    }
    return payer
  }
  const byKey = new Map(options.keys.map(({ key, account }) => [keyIdOf(hashSecret(key)), payerWith(account)]))
  const own = options.account ?? options.keys[0]?.account
  if (!own) throw new PayerMissingError()
  const gateways = payerWith(own)
  return Object.assign((keyId: string) => byKey.get(keyId) ?? gateways, { all: () => [...byAddress.values()] })
}

function createPayer(options: GatewayOptions, limits: GatewayLimits, purse: PurseLog, account: LocalAccount): Payer {
  const { env, rpcUrl, contracts, autoFundWei } = options
  const { inferenceServing } = contracts
  const user = account.address.toLowerCase() as Hex
  const ledger = createLedger({ rpcUrl, env, account })
  const place = { chainId: BigInt(options.chainId), settlement: contracts.receiptSettlement.toLowerCase() as Hex }
  const tabs = new Map<Hex, { tab: Tab; listed: ListedProvider }>()
  const timeoutMs = limits.providerTimeoutMs

  /** A changed entry in the registry is another price or another address: a new tab, which agrees on the past anew. */
  function tabOf(provider: ListedProvider): Tab {
    const known = tabs.get(provider.address)
    if (known && known.listed.url === provider.url && known.listed.price.updatedAt === provider.price.updatedAt) {
      return known.tab
    }
    const caller = createProviderCaller({ env, ledger, inferenceServing, provider, user, account, timeoutMs })
    const owedOnChain = () => readOwed(ledger, contracts.receiptSettlement, [user, provider.address])
    const tab = openTab({ env, place, purse, caller, provider, user, account, owedOnChain })
    tabs.set(provider.address, { tab, listed: provider })
    return tab
  }

  return { user, account, funder: createFunder(ledger, contracts, user, autoFundWei), tabOf }
}

async function readOwed(ledger: Ledger, address: Hex, args: readonly [user: Hex, provider: Hex]): Promise<bigint> {
  const [, owed] = await ledger.read({ address, abi: abis.receiptSettlement, functionName: 'pairs', args })
  return owed
}

export class PayerMissingError extends WeightlessError {
  constructor() {
    super('compute/payer-missing', 'A gateway needs an account that pays: give one key, or an account.')
  }
}
