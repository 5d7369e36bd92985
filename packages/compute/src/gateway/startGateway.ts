/** A gateway as a service: OpenAI's interface in front of all providers of the registry, paid with signed vouchers. */
import { createLedger } from '@weightless/ledger'
import { metricsAccess } from './answerMetrics.ts'
import { createAuditorDesk } from './audits/answerAuditor.ts'
import { createSharedAnswers } from './audits/sharedAnswers.ts'
import { createMarketList } from './choice/marketList.ts'
import { createPayers } from './createPayers.ts'
import type { GatewayContext, Payer } from './gatewayContext.ts'
import { createGatewayMetrics } from './gatewayMetrics.ts'
import { type GatewayOptions, gatewayLimitsSchema } from './gatewayOptions.ts'
import { createGatewayHandler } from './gatewayRoutes.ts'
import { createProber } from './health/probeProviders.ts'
import { createProviderHealth } from './health/providerHealth.ts'
import { managementScopes } from './keys/apiKey.ts'
import { createKeyDesk } from './keys/keyDesk.ts'
import { type FixedKey, openKeyRing } from './keys/keyRing.ts'
import { createRateLimiter } from './keys/rateLimiter.ts'
import { createCheckBook } from './levels/checkBook.ts'
import { createReferee } from './levels/referee.ts'
import { readPrepaidLedger } from './prepaidLedger.ts'
import { createProviderDirectory } from './providerDirectory.ts'
import { openPurseLog } from './purseLog.ts'

export type Gateway = {
  url: string
  /** Resolves when every finished answer has been checked and paid. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** @throws {PortInUseError} {LogCorruptError} {MetricsTokenInvalidError} */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { env, rpcUrl, contracts, port, host } = options
  const limits = gatewayLimitsSchema.parse(options.limits ?? {})
  const metricsFor = metricsAccess(options.metricsToken, host)
  const { inferenceServing, serviceMarket } = contracts
  const folder = options.folder ?? 'gateway'
  const ledger = createLedger({ rpcUrl, env })
  const purse = await openPurseLog(env.disk, folder)
  const directory = createProviderDirectory({
    env,
    ledger,
    inferenceServing,
    ageMsMax: limits.directoryAgeMsMax,
    showPlanted: limits.showPlanted,
  })
  const market = serviceMarket && { env, ledger, address: serviceMarket, ageMsMax: limits.directoryAgeMsMax }
  const health = createProviderHealth(env.clock)
  const metrics = createGatewayMetrics(env.metrics)
  const keys = await openKeyRing({ env, disk: env.disk, folder: `${folder}-keys`, fixed: fixedKeys(options) })
  const payerOf = createPayers(options, limits, purse)
  const desk = createKeyDesk({ keys, payerOf, clock: env.clock })
  const prober = createProber({ env, directory, health, metrics, intervalMs: limits.probeIntervalMs })
  const stop = new AbortController()
  const shared = createSharedAnswers(env, limits.sharedShare)
  const context: GatewayContext = {
    env,
    limits,
    directory,
    market: market && createMarketList(market),
    need: options.need,
    health,
    purse,
    keys,
    rates: createRateLimiter(env.clock),
    metrics,
    metricsFor,
    balanceOf: async ({ user }) =>
      (await readPrepaidLedger(ledger, contracts.ledgerManager, user)) ?? { availableWei: 0n, totalWei: 0n },
    settling: new Map(),
    referee: options.weights && createReferee({ env, ...options.weights }),
    checks: createCheckBook(),
    shared,
    answerAuditor: createAuditorDesk({ ledger, chainId: options.chainId, auditRounds: contracts.auditRounds, shared }),
    stopping: stop.signal,
    busy: prober.busy,
    ...desk,
  }
  const server = await env.network.serve({
    port,
    ...(host === undefined ? {} : { host }),
    handler: createGatewayHandler(context),
    // Ours is the smaller bound, and its refusal has the shape that clients know.
    bodyBytesMax: limits.bodyBytesMax * 16,
    stallMsMax: limits.stallMsMax,
  })
  env.log.info('gateway open', { url: server.url, keys: keys.list().length })
  const reconciled = payEarlierJobs(context, payerOf.all())
  const probing = prober.run(stop.signal)
  const settled = async () => {
    while (context.settling.size > 0) await Promise.all([...context.settling.values()].map(({ bundle }) => bundle))
    await context.checks.settled()
  }
  return {
    url: server.url,
    settled,
    async close() {
      await server.close()
      await settled()
      stop.abort()
      await Promise.all([reconciled, probing, context.referee?.close()])
      await keys.close()
      await purse.close()
    },
  }
}

/** What was answered before this start and not paid, because one of the two was killed in between. */
async function payEarlierJobs({ directory, purse, env }: GatewayContext, payers: readonly Payer[]) {
  try {
    for (const provider of await directory.list()) {
      for (const payer of payers) {
        if (purse.jobNonce(payer.user, provider.address) > 0n) await payer.tabOf(provider).agree()
      }
    }
  } catch (fault) {
    env.log.warn('earlier jobs not looked at', { reason: fault instanceof Error ? fault.message : String(fault) })
  }
}

/** The operator's own keys, in the form of all others. */
function fixedKeys({ keys, managementKey }: GatewayOptions): FixedKey[] {
  const none = { models: [], providers: [] }
  const inference = keys.map(({ key, spendingCapWei, requestsPerMinute, tokensPerMinute }): FixedKey => {
    const policy = { name: 'settings', budgetWei: spendingCapWei, requestsPerMinute, tokensPerMinute, ...none }
    return { secret: key, kind: 'inference', scopes: [], policy }
  })
  if (managementKey === undefined) return inference
  const policy = { name: 'settings', ...none }
  return [...inference, { secret: managementKey, kind: 'management', scopes: managementScopes, policy }]
}
