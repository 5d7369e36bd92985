/** A provider as a service: opens its log and its model, registers on the chain, answers, settles. */
import { bytesToHex, type Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { createLedger } from '@weightless/ledger'
import type { LocalAccount } from 'viem'
import { createChainAccounts } from '../admission/chainAccounts.ts'
import { createFairQueue } from '../admission/fairQueue.ts'
import { createHolds } from '../admission/holds.ts'
import { createRateLimits } from '../admission/rateLimits.ts'
import type { Engine } from '../engine/engine.ts'
import type { AdapterShelf } from '../finetune/adapterShelf.ts'
import { openJobLog } from '../settlement/jobLog.ts'
import { type SettlementLoop, startSettlement } from '../settlement/settlementLoop.ts'
import { createAuthenticator } from './authenticate.ts'
import { createJobNonces, type ProviderContext } from './providerContext.ts'
import { createProviderMetrics } from './providerMetrics.ts'
import { type ProviderLimits, providerLimitsSchema } from './providerOptions.ts'
import { createLeavingUsers } from './refundConsent.ts'
import { registerService } from './registerService.ts'
import { createProviderHandler } from './routes.ts'
import { deriveEnvelopeKey } from './sealed/openSealed.ts'
import { createSessionKeys } from './sessionKeys.ts'

export type ComputeContracts = {
  inferenceServing: Hex
  receiptSettlement: Hex
  ledgerManager: Hex
  /** Says whose turns come more often; without it all are equal. */
  priorityStake?: Hex
}

export type ProviderOptions = {
  env: Env
  /** Folder of `env.disk` for receipts; default `provider`. */
  folder?: string
  rpcUrl: string
  chainId: number
  contracts: ComputeContracts
  /** Holds the stake, earns the fees, signs receipts. */
  account: LocalAccount
  port: number
  host?: string
  /** What the registry says; default is the address that the server listens on. */
  publicUrl?: string
  /** Opens the model; until it resolves, requests are answered with 503 `model_not_ready`. */
  openEngine: () => Promise<Engine>
  /** Adapters of users that are served beside the model; whoever made it closes it. */
  adapters?: AdapterShelf
  inputWeiPerToken: bigint
  outputWeiPerToken: bigint
  /** Where it stands, for who cares; free text of the registry entry. */
  region?: string | undefined
  limits?: Partial<ProviderLimits>
}

export type Provider = {
  address: Hex
  url: string
  /** Resolves with the model's name when the service is registered and open. @throws what opening threw */
  ready: Promise<string>
  /** Settles everything now. */
  settle(): Promise<void>
  /** Takes no new jobs, and resolves when those that run have ended and are settled. COMPUTE §12 */
  drain(): Promise<void>
  close(): Promise<void>
}

const drainLookMs = 50

/** Resolves as soon as the port is open; the model follows (`ready`). @throws {PortInUseError} {LogCorruptError} */
export async function startProvider(options: ProviderOptions): Promise<Provider> {
  const { env, account, port, host } = options
  const limits = providerLimitsSchema.parse(options.limits ?? {})
  const log = await openJobLog(env.disk, options.folder ?? 'provider')
  let context: ProviderContext | undefined
  let settlement: SettlementLoop | undefined
  const server = await env.network.serve({
    port,
    ...(host === undefined ? {} : { host }),
    handler: createProviderHandler(() => context),
    // Ours is the smaller bound, and its refusal has the shape that clients know.
    bodyBytesMax: Math.max(limits.bodyBytesMax, limits.uploadBytesMax) * 16,
    stallMsMax: limits.stallMsMax,
  })

  async function open(): Promise<string> {
    const engine = await options.openEngine()
    const parts = await join(options, limits, log, engine, server.url)
    context = parts.context
    settlement = parts.settlement
    env.log.info('provider open', { url: server.url, model: engine.model.name, address: account.address })
    return engine.model.name
  }

  const ready = open()
  // Whoever does not await `ready` still learns of it from the log.
  ready.catch((fault) => env.log.error('provider did not open', { reason: String(fault) }))
  return {
    address: account.address.toLowerCase() as Hex,
    url: server.url,
    ready,
    settle: async () => settlement?.flush(),
    async drain() {
      await ready.catch(() => undefined)
      if (!context) return
      context.draining = true
      env.log.info('provider draining', context.queue.size())
      while (context.queue.size().running + context.queue.size().waiting > 0) await env.clock.sleep(drainLookMs)
      await settlement?.flush()
    },
    async close() {
      await server.close()
      await ready.catch(() => undefined)
      await settlement?.close()
      await context?.engine.close()
      await log.close()
    },
  }
}

async function join(
  options: ProviderOptions,
  limits: ProviderLimits,
  log: ProviderContext['log'],
  engine: Engine,
  url: string,
): Promise<{ context: ProviderContext; settlement: SettlementLoop }> {
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
  const offer = { url: publicUrl, engine, verifiability, ...fees, region: options.region, encryptionKey }
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
  const chainId = BigInt(options.chainId)
  const settlement = startSettlement({
    env,
    log,
    accounts,
    settler: {
      ledger,
      receiptSettlement,
      inferenceServing,
      chainId,
      account,
      refusedVouchers: new Set(),
      wordPausedUntilMs: 0,
      claimAfterMs: limits.claimAfterMs,
      claimAlways: limits.claimAlways,
      metrics,
      claiming: new Map(),
      claimPausedUntilMs: new Map(),
    },
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
    log,
    holds: createHolds({ accounts, book: log.book }),
    rates: createRateLimits({ clock, perMinute: limits.requestsPerMinute }),
    draining: false,
    queue: createFairQueue({ runningMax, waitingMax: limits.waitingMax, perUserMax: limits.perUserMax }),
    accounts,
    sessionKeys: createSessionKeys({ ledger, clock, receiptSettlement }),
    authenticate: createAuthenticator({ provider: address, clock, accounts }),
    metrics,
    nonces: createJobNonces(),
    leaving: createLeavingUsers(),
    inferenceServing,
    settleSoon: () => settlement.soon(),
    settleNow: () => settlement.flush(),
    claimEnds: (user) => settlement.claimEnds(user),
  }
  return { context, settlement }
}
