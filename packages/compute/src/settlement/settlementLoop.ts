/**
 * Turns what users signed into money, in batches by size or age, until everything is on the chain. Any step can be
 * repeated after a crash: vouchers are cumulative, and settlements on the provider's word carry a number. COMPUTE §8.2
 */
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { ChainAccounts } from '../admission/chainAccounts.ts'
import { outstandingWei, unsettledVoucher } from './accountBook.ts'
import { type ClaimSettler, claimJobs, hasOverdueJobs } from './claimJobs.ts'
import type { JobLog } from './jobLog.ts'
import { ProviderMovedError } from './movableLog.ts'
import { payClaims } from './payClaims.ts'
import { recordChainState } from './recordChainState.ts'
import { settleOnWord, type WordSettler } from './settleOnWord.ts'
import { collectUnpaid, settleVouchers, type VoucherSettler } from './settleVouchers.ts'

export type SettlementOptions = {
  env: Pick<Env, 'clock' | 'log'>
  log: JobLog
  accounts: ChainAccounts
  settler: VoucherSettler & WordSettler & ClaimSettler
  usersMin: number
  ageMsMax: number
  onUnsettled: (wei: bigint) => void
}

export type SettlementLoop = {
  /** There may be something to settle. */
  soon(): void
  /** Settles all that can be settled, now. @throws {LedgerUnreachableError} */
  flush(): Promise<void>
  /** Resolves when no claim of the user's jobs is on its way. */
  claimEnds(user: Hex): Promise<void>
  /** Settles nothing more until `resume`; resolves when the round that runs has ended. */
  pause(): Promise<void>
  resume(): void
  close(): Promise<void>
}

const lookMs = 200
/** How often claims are looked at; their times are minutes. */
const claimLookMs = 5_000
const retryMs = 5_000

export function startSettlement(options: SettlementOptions): SettlementLoop {
  const { env, log, usersMin, ageMsMax } = options
  const stop = new AbortController()
  let claimLookAtMs = env.clock.monotonicMs()
  let dirtySinceMs: number | undefined = env.clock.monotonicMs()
  let working: Promise<void> = Promise.resolve()
  let isPaused = false

  /** One pass at a time. */
  function flush(): Promise<void> {
    if (isPaused) return Promise.reject(new ProviderMovedError())
    const pass = working.then(() => settleAll(options))
    working = pass.catch(() => undefined)
    return pass
  }

  function isClaimDue(): boolean {
    if (env.clock.monotonicMs() < claimLookAtMs) return false
    claimLookAtMs = env.clock.monotonicMs() + Math.min(claimLookMs, Math.max(lookMs, options.settler.claimAfterMs / 4))
    return hasOverdueJobs(options) || hasOpenClaims(log)
  }

  function isDue(): boolean {
    if (isClaimDue()) return true
    if (dirtySinceMs === undefined) return false
    if (env.clock.monotonicMs() - dirtySinceMs >= ageMsMax) return true
    let users = 0
    for (const [, account] of log.book.users()) if (unsettledVoucher(account)) users++
    return users >= usersMin
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const pauseMs = await passIfDue()
      await env.clock.sleep(pauseMs, stop.signal).catch(() => undefined)
    }
  }

  async function passIfDue(): Promise<number> {
    if (isPaused || !isDue()) return lookMs
    const since = dirtySinceMs
    dirtySinceMs = undefined
    try {
      await flush()
      return lookMs
    } catch (fault) {
      dirtySinceMs = since ?? dirtySinceMs
      env.log.warn('settlement failed', { reason: fault instanceof Error ? fault.message : String(fault) })
      return retryMs
    }
  }

  const running = run()
  return {
    soon() {
      dirtySinceMs ??= env.clock.monotonicMs()
      options.onUnsettled(totalOutstanding(log))
    },
    flush,
    claimEnds: async (user) => options.settler.claiming.get(user),
    async pause() {
      isPaused = true
      await working
    },
    resume() {
      isPaused = false
    },
    async close() {
      stop.abort()
      await Promise.all([running, working])
    },
  }
}

async function settleAll(options: SettlementOptions): Promise<void> {
  const { log, onUnsettled } = options
  await refreshUnsettled(options)
  await settleVouchers(options)
  await collectUnpaid(options)
  await settleOnWord(options)
  await claimJobs(options)
  await payClaims(options)
  onUnsettled(totalOutstanding(log))
}

/** What another process, or this one before it was killed, has settled already. */
async function refreshUnsettled({ log, accounts }: SettlementOptions): Promise<void> {
  for (const [user, account] of log.book.users()) {
    if (unsettledVoucher(account) || account.owedOnChain > account.paidOnChain)
      await recordChainState(log, accounts, user)
  }
}

function hasOpenClaims(log: JobLog): boolean {
  for (const [, account] of log.book.users()) if (account.claims.size > 0) return true
  return false
}

function totalOutstanding(log: JobLog): bigint {
  let sum = 0n
  for (const [, account] of log.book.users()) sum += outstandingWei(account)
  return sum
}
