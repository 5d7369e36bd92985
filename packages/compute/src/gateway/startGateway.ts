/** A gateway as a service: OpenAI's interface in front of all providers of the registry, paid with signed vouchers. */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { createLedger, type Ledger } from '@weightless/ledger'
import { createProviderCaller } from './callProvider.ts'
import { createFunder } from './fundTab.ts'
import type { Customer, GatewayContext } from './gatewayContext.ts'
import { type GatewayKey, type GatewayLimits, type GatewayOptions, gatewayLimitsSchema } from './gatewayOptions.ts'
import { createGatewayHandler } from './gatewayRoutes.ts'
import { openTab, type Tab } from './openTab.ts'
import { createProviderDirectory, type ListedProvider } from './providerDirectory.ts'
import { openPurseLog, type PurseLog } from './purseLog.ts'

export type Gateway = {
  url: string
  /** Resolves when every finished answer has been checked and paid. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** @throws {PortInUseError} {LogCorruptError} */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { env, rpcUrl, contracts, port, host } = options
  const limits = gatewayLimitsSchema.parse(options.limits ?? {})
  const { inferenceServing } = contracts
  const purse = await openPurseLog(env.disk, options.folder ?? 'gateway')
  const directory = createProviderDirectory({
    env,
    ledger: createLedger({ rpcUrl, env }),
    inferenceServing,
    ageMsMax: limits.directoryAgeMsMax,
  })
  const customers = new Map(options.keys.map((key) => [key.key, createCustomer(options, limits, purse, key)]))
  const stop = new AbortController()
  const context: GatewayContext = {
    env,
    limits,
    directory,
    purse,
    settling: new Map(),
    stopping: stop.signal,
    customerOf(authorization) {
      const key = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
      return key === undefined ? undefined : customers.get(key)
    },
  }
  const server = await env.network.serve({
    port,
    ...(host === undefined ? {} : { host }),
    handler: createGatewayHandler(context),
    // Ours is the smaller bound, and its refusal has the shape that clients know.
    bodyBytesMax: limits.bodyBytesMax * 16,
    stallMsMax: limits.stallMsMax,
  })
  env.log.info('gateway open', { url: server.url, keys: customers.size })
  const reconciled = payEarlierJobs(context, [...customers.values()])
  const settled = async () => {
    while (context.settling.size > 0) await Promise.all(context.settling.values())
  }
  return {
    url: server.url,
    settled,
    async close() {
      await server.close()
      await settled()
      stop.abort()
      await reconciled
      await purse.close()
    },
  }
}

/** What was answered before this start and not paid, because one of the two was killed in between. */
async function payEarlierJobs({ directory, purse, env }: GatewayContext, customers: readonly Customer[]) {
  try {
    for (const provider of await directory.list()) {
      for (const customer of customers) {
        if (purse.jobNonce(customer.user, provider.address) > 0n) await customer.tabOf(provider).agree()
      }
    }
  } catch (fault) {
    env.log.warn('earlier jobs not looked at', { reason: fault instanceof Error ? fault.message : String(fault) })
  }
}

function createCustomer(options: GatewayOptions, limits: GatewayLimits, purse: PurseLog, key: GatewayKey): Customer {
  const { env, rpcUrl, contracts, autoFundWei } = options
  const { account, spendingCapWei } = key
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

  return {
    user,
    account,
    spendingCapWei,
    funder: createFunder(ledger, contracts, user, autoFundWei),
    inFlight: 0,
    heldWei: 0n,
    tabOf,
  }
}

async function readOwed(ledger: Ledger, address: Hex, args: readonly [user: Hex, provider: Hex]): Promise<bigint> {
  const [, owed] = await ledger.read({ address, abi: abis.receiptSettlement, functionName: 'pairs', args })
  return owed
}
