/** The money behind the work: tokens on the chain, the prepaid ledger, and what stands with each provider. */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { TransactionRevertedError } from '@weightless/ledger'
import type { TransactionReceipt } from 'viem'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { AccountMissingError } from './accountMissing.ts'
import { askRefundConsent } from './askRefundConsent.ts'

export type Balance = {
  address: Hex
  /** Tokens of the account itself. */
  chainWei: bigint
  /** Undefined before the first deposit. */
  ledger: { totalWei: bigint; availableWei: bigint } | undefined
  /** What is set aside for each inference provider; `pendingRefundWei` of it is on its way back. */
  providers: { provider: Hex; balanceWei: bigint; pendingRefundWei: bigint }[]
}

export type AccountApi = {
  /** Of the client's own account, or of any other. @throws {AccountMissingError} via the ledger when there is neither */
  balance(address?: Hex): Promise<Balance>
  /** Pays tokens into the ledger; the first time this opens it. */
  deposit(amountWei: bigint, options?: SendOptions): Promise<TransactionReceipt>
  /** Takes what is available in the ledger back to the account. */
  withdraw(amountWei: bigint, options?: SendOptions): Promise<TransactionReceipt>
  /** Sets some of the ledger aside for one provider, whom it pays from then on. */
  fundProvider(provider: Hex, amountWei: bigint, options?: SendOptions): Promise<TransactionReceipt>
  /** Asks for everything set aside for these providers; it comes back after the lock time. */
  retrieve(providers: readonly Hex[], options?: SendOptions): Promise<TransactionReceipt>
  /**
   * Brings everything set aside for this inference provider back at once, if it signs that nothing is owed to it.
   * Afterwards it takes no job of this account for some minutes. SETTLEMENT §8
   * @throws {RefundRefusedError} such as while a job runs or an answer waits for its voucher
   */
  retrieveNow(provider: Hex, options?: SendOptions): Promise<TransactionReceipt>
}

export type SendOptions = { signal?: AbortSignal; onSent?: (hash: Hex) => void }

const providersMax = 50n

export function openAccount(context: ClientContext): AccountApi {
  const { ledger } = context
  const at = () => ({ address: contractAddress(context.config, 'ledgerManager'), abi: abis.ledgerManager })
  return {
    balance: (address) => readBalance(context, address ?? ledger.address),
    async deposit(amountWei, options) {
      const open = ledger.address ? await readLedger(context, ledger.address) : undefined
      if (open) return ledger.submit({ ...at(), functionName: 'depositFund', value: amountWei }, options)
      return ledger.submit({ ...at(), functionName: 'addLedger', args: [''], value: amountWei }, options)
    },
    withdraw: (amountWei, options) => ledger.submit({ ...at(), functionName: 'refund', args: [amountWei] }, options),
    async fundProvider(provider, amountWei, options) {
      const service = await inferenceName(context)
      return ledger.submit({ ...at(), functionName: 'transferFund', args: [provider, service, amountWei] }, options)
    },
    async retrieve(providers, options) {
      const service = await inferenceName(context)
      return ledger.submit({ ...at(), functionName: 'retrieveFund', args: [providers, service] }, options)
    },
    async retrieveNow(provider, options) {
      const service = await inferenceName(context)
      const { consent, signature } = await askRefundConsent(context, provider, options?.signal)
      const args = [service, consent, signature] as const
      return ledger.submit({ ...at(), functionName: 'retrieveFundNow', args }, options)
    },
  }
}

async function readBalance(context: ClientContext, address: Hex | undefined): Promise<Balance> {
  if (!address) throw new AccountMissingError()
  const [chainWei, ledger, providers] = await Promise.all([
    context.ledger.balanceOf(address),
    readLedger(context, address),
    readProviders(context, address),
  ])
  return { address, chainWei, ledger, providers }
}

async function readLedger(context: ClientContext, address: Hex): Promise<Balance['ledger']> {
  try {
    const { totalBalance, availableBalance } = await context.ledger.read({
      address: contractAddress(context.config, 'ledgerManager'),
      abi: abis.ledgerManager,
      functionName: 'getLedger',
      args: [address],
    })
    return { totalWei: totalBalance, availableWei: availableBalance }
  } catch (error) {
    if (error instanceof TransactionRevertedError && error.reason.errorName === 'LedgerNotExists') return undefined
    throw error
  }
}

async function readProviders(context: ClientContext, address: Hex): Promise<Balance['providers']> {
  const [accounts] = await context.ledger.read({
    address: contractAddress(context.config, 'inferenceServing'),
    abi: abis.inferenceServing,
    functionName: 'getAccountsByUser',
    args: [address, 0n, providersMax],
  })
  return accounts.map(({ provider, balance, pendingRefund }) => ({
    provider,
    balanceWei: balance,
    pendingRefundWei: pendingRefund,
  }))
}

/** The ledger knows its services by name and version, e.g. `inference-v1.0`. */
async function inferenceName({ config, ledger }: ClientContext): Promise<string> {
  const info = await ledger.read({
    address: contractAddress(config, 'ledgerManager'),
    abi: abis.ledgerManager,
    functionName: 'getServiceInfo',
    args: [contractAddress(config, 'inferenceServing')],
  })
  return info.fullName
}
