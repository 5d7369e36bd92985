/** Puts a provider together: registers it on the chain, and builds admission, books and settlement around its engine. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { createLedger, type Ledger } from '@weightless/ledger'
import { createChainAccounts } from '../admission/chainAccounts.ts'
import { createFairQueue } from '../admission/fairQueue.ts'
import { createHolds } from '../admission/holds.ts'
import { createRateLimits } from '../admission/rateLimits.ts'
import type { Engine } from '../engine/engine.ts'
import type { ClaimSettler } from '../settlement/claimJobs.ts'
import { type SettlementLoop, startSettlement } from '../settlement/settlementLoop.ts'
import { createAuthenticator } from './authenticate.ts'
import { createDisputeDesk } from './disputeDesk.ts'
import { createJobTimings } from './jobTimings.ts'
import { createOnAccount } from './onAccount.ts'
import type { StatusSource } from './operator/describeStatus.ts'
import type { ProviderContext } from './providerContext.ts'
import { createProviderMetrics, type ProviderMetrics } from './providerMetrics.ts'
import type { ProviderLimits } from './providerOptions.ts'
import { createLeavingUsers } from './refundConsent.ts'
import { registerService } from './registerService.ts'
import { createRunningJobs } from './runningJobs.ts'
import { deriveEnvelopeKey } from './sealed/openSealed.ts'
import { createSessionKeys } from './sessionKeys.ts'
import type { ProviderOptions } from './startOptions.ts'

/** What is there once the model is open. */
export type Opened = Pick<StatusSource, 'context' | 'ledger' | 'publicUrl'> & {
  settlement: SettlementLoop
  settler: ClaimSettler
  startedAtMs: number
  url: string
}

/** Everything a provider works with, once its engine is open. @throws {InsufficientFundsError} {LedgerUnreachableError} */
export async function joinNetwork(
  options: ProviderOptions,
  limits: ProviderLimits,
  log: ProviderContext['log'],
  engine: Engine,
  url: string,
): Promise<Opened> {
  const { env, account, rpcUrl, contracts } = options
  const { inferenceServing, receiptSettlement, priorityStake } = contracts
  const { clock } = env
  const address = account.address.toLowerCase() as Hex
  const ledger = createLedger({ rpcUrl, env, account })
  const verifiability = engine.model.check === 1 ? 'OpML' : ''
  const { inputWeiPerToken, outputWeiPerToken, publicUrl = url } = options
  const envelopeKey = await deriveEnvelopeKey(account)
  const encryptionKey = bytesToHex(envelopeKey.publicKey)
  const fees = { inputWeiPerToken, outputWeiPerToken }
  const planted = options.planted === true ? { planted: true } : {}
  const offer = { url: publicUrl, engine, verifiability, ...fees, region: options.region, encryptionKey, ...planted }
  const price = await registerService(ledger, inferenceServing, offer)
  const accounts = createChainAccounts({
    ledger,
    clock,
    provider: address,
    inferenceServing,
    receiptSettlement,
    ...(priorityStake === undefined ? {} : { priorityStake }),
  })
  const metrics = createProviderMetrics(env.metrics)
  const onAccount = createOnAccount(ledger, limits)
  await onAccount.refresh()
  const chainId = BigInt(options.chainId)
  const settler = createSettler(options, limits, ledger, metrics)
  const settlement = startSettlement({
    env,
    log,
    accounts,
    settler,
    usersMin: limits.settleUsersMin,
    ageMsMax: limits.settleAgeMsMax,
    onUnsettled: (wei) => metrics.unsettledWei.set(Number(wei)),
  })
  const runningMax = engine.kind === 'upstream' ? limits.concurrentMax : engine.concurrent
  const context: ProviderContext = {
    env,
    address,
    account,
    envelopeKey,
    place: { chainId, settlement: receiptSettlement.toLowerCase() as Hex },
    engine,
    ...(options.adapters && { adapters: options.adapters }),
    price,
    verifiability,
    limits,
    onAccount,
    log,
    holds: createHolds({ accounts, book: log.book }),
    rates: createRateLimits({ clock, perMinute: limits.requestsPerMinute }),
    disputes: createDisputeDesk(clock, (key) => {
      if (engine.kind === 'exact') engine.forgetDispute?.(key)
      options.adapters?.forgetDispute(key)
    }),
    doors: { state: 'open', entering: new Set() },
    runningMax,
    queue: createFairQueue({ runningMax, waitingMax: limits.waitingMax, perUserMax: limits.perUserMax }),
    accounts,
    sessionKeys: createSessionKeys({ ledger, clock, receiptSettlement }),
    authenticate: createAuthenticator({ provider: address, clock, accounts }),
    metrics,
    running: createRunningJobs(),
    timings: createJobTimings(clock, metrics),
    leaving: createLeavingUsers(),
    inferenceServing,
    settleSoon: () => settlement.soon(),
    settleNow: () => settlement.flush(),
    claimEnds: (user) => settlement.claimEnds(user),
  }
  return { context, settlement, settler, ledger, publicUrl, url, startedAtMs: clock.nowMs() }
}

function createSettler(options: ProviderOptions, limits: ProviderLimits, ledger: Ledger, metrics: ProviderMetrics) {
  const { contracts, account, chainId } = options
  const { receiptSettlement, inferenceServing } = contracts
  return {
    ...{ ledger, receiptSettlement, inferenceServing, account, metrics },
    chainId: BigInt(chainId),
    refusedVouchers: new Set<Hex>(),
    wordPausedUntilMs: 0,
    claimAfterMs: limits.claimAfterMs,
    claimAlways: limits.claimAlways,
    claiming: new Map<Hex, Promise<void>>(),
    claimPausedUntilMs: new Map<Hex, number>(),
  }
}
