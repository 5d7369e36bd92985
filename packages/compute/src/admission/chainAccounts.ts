/** Users' accounts with one provider as the chain has them, remembered for some seconds and read again when it matters. */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { Clock } from '@weightless/env'
import { type Ledger, LedgerUnreachableError, TransactionRevertedError } from '@weightless/ledger'

export type ChainAccount = {
  /** Wei that fees can be drawn from; what the user has asked back is not counted. */
  spendable: bigint
  generation: bigint
  revokedBitmap: bigint
  /** Nonce of the last settlement on the provider's word. */
  sdkNonce: bigint
  /** The settlement contract's numbers for this pair. */
  paid: bigint
  owed: bigint
  jobNonce: bigint
  /** Share of the turns when the provider is busy. MARKET §5.2 */
  tickets: number
  readAtMs: number
}

/** A claim of ours as the settlement contract has it. SETTLEMENT §5 */
export type ChainClaim = {
  state: 'open' | 'contested' | 'closed'
  jobNonce: bigint
  /** Wei that the contract holds, or held, for it. */
  held: bigint
  /** When it can be contested no more, in seconds since the Unix epoch. */
  readyAtSeconds: bigint
}

export type ChainAccounts = {
  /**
   * Undefined when the user has no account with the provider. While the chain is away, what was read within five minutes.
   * @throws {LedgerUnreachableError}
   */
  of(user: Hex, options?: { maxAgeMs?: number }): Promise<ChainAccount | undefined>
  forget(user: Hex): void
  /** Undefined when the receipt was never claimed. Always read anew. @throws {LedgerUnreachableError} */
  claimOf(receiptHash: Hex): Promise<ChainClaim | undefined>
}

/** Money leaves an account only by settlement (ours) or by a refund after the lock time, so this is far on the safe side. */
const defaultMaxAgeMs = 10_000
/** While the chain does not answer, an older reading still serves; the lock time is never shorter than ten minutes. */
const awayMaxAgeMs = 300_000
const rememberedMax = 10_000

type Places = {
  ledger: Ledger
  clock: Clock
  provider: Hex
  inferenceServing: Hex
  receiptSettlement: Hex
  /** Without it everybody has one ticket. */
  priorityStake?: Hex
}

export function createChainAccounts(options: Places): ChainAccounts {
  const { clock } = options
  const remembered = new Map<Hex, ChainAccount>()
  const reading = new Map<Hex, Promise<ChainAccount | undefined>>()

  async function read(user: Hex): Promise<ChainAccount | undefined> {
    const known = remembered.get(user)
    let account: ChainAccount | undefined
    try {
      account = await readChainAccount(options, user)
    } catch (fault) {
      const serves = known && clock.monotonicMs() - known.readAtMs <= awayMaxAgeMs
      if (serves && fault instanceof LedgerUnreachableError) return known
      throw fault
    }
    remembered.delete(user)
    if (account) remembered.set(user, account)
    if (remembered.size > rememberedMax) remembered.delete(remembered.keys().next().value!)
    return account
  }

  return {
    forget: (user) => void remembered.delete(user),
    claimOf: (receiptHash) => readChainClaim(options, receiptHash),
    of(user, { maxAgeMs = defaultMaxAgeMs } = {}) {
      const known = remembered.get(user)
      // Nought asks for what is there now: a reading that began before the question will not do.
      if (maxAgeMs === 0) return read(user)
      if (known && clock.monotonicMs() - known.readAtMs <= maxAgeMs) return Promise.resolve(known)
      let pending = reading.get(user)
      if (!pending) {
        pending = read(user).finally(() => reading.delete(user))
        reading.set(user, pending)
      }
      return pending
    },
  }
}

async function readChainAccount(
  { ledger, clock, provider, inferenceServing, receiptSettlement, priorityStake }: Places,
  user: Hex,
): Promise<ChainAccount | undefined> {
  // One block for all, so that a settlement in between cannot make two disagree.
  const blockNumber = await ledger.blockNumber()
  const at = { args: [user, provider], blockNumber } as const
  try {
    const [account, [paid, owed, jobNonce], tickets] = await Promise.all([
      ledger.read({ address: inferenceServing, abi: abis.inferenceServing, functionName: 'getAccount', ...at }),
      ledger.read({ address: receiptSettlement, abi: abis.receiptSettlement, functionName: 'pairs', ...at }),
      readTickets(ledger, priorityStake, user, blockNumber),
    ])
    return {
      spendable: account.balance - account.pendingRefund,
      generation: account.generation,
      revokedBitmap: account.revokedBitmap,
      sdkNonce: account.nonce,
      paid,
      owed,
      jobNonce: BigInt(jobNonce),
      tickets,
      readAtMs: clock.monotonicMs(),
    }
  } catch (fault) {
    if (fault instanceof TransactionRevertedError && fault.reason.errorName === 'AccountNotExists') return undefined
    throw fault
  }
}

async function readTickets(ledger: Ledger, address: Hex | undefined, user: Hex, blockNumber: bigint): Promise<number> {
  if (address === undefined) return 1
  const at = { address, abi: abis.priorityStake, functionName: 'ticketsOf', args: [user], blockNumber } as const
  return Number(await ledger.read(at))
}

/** The contract's order of `ClaimState`, without `None`. */
const claimStates = ['open', 'contested', 'closed'] as const

async function readChainClaim(
  { ledger, receiptSettlement }: { ledger: Ledger; receiptSettlement: Hex },
  receiptHash: Hex,
): Promise<ChainClaim | undefined> {
  const [, held, state, , readyAt, jobNonce] = await ledger.read({
    address: receiptSettlement,
    abi: abis.receiptSettlement,
    functionName: 'claims',
    args: [receiptHash],
  })
  const name = claimStates[state - 1]
  return name && { state: name, held, readyAtSeconds: BigInt(readyAt), jobNonce: BigInt(jobNonce) }
}
