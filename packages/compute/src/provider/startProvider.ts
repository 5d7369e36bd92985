/** A provider as a service: opens its log and its model, registers on the chain, answers, settles. */
import type { Hex } from '@weightless/codec'
import { openJobLog } from '../settlement/jobLog.ts'
import { openMovableLog } from '../settlement/movableLog.ts'
import { answerChallenges, type ChallengeWatch } from './challenges/answerChallenges.ts'
import { type DrainOptions, type DrainReport, drainProvider } from './drainProvider.ts'
import { type AdoptedJobs, adoptJobs } from './handover/adoptJobs.ts'
import { createControlHandler } from './handover/controlRoutes.ts'
import { createHandOver, type HandOver } from './handover/handOver.ts'
import { joinNetwork, type Opened } from './joinNetwork.ts'
import { type KeptOffer, keepOffer } from './market/keepOffer.ts'
import type { Operator } from './operator/answerOperator.ts'
import { describeStatus } from './operator/describeStatus.ts'
import { providerLimitsSchema } from './providerOptions.ts'
import { createProviderHandler } from './routes.ts'
import type { ProviderOptions } from './startOptions.ts'

export type Provider = {
  address: Hex
  url: string
  /** Resolves with the model's name when the service is registered and open. @throws what opening threw */
  ready: Promise<string>
  /** Settles everything now. */
  settle(): Promise<void>
  /** Takes no new jobs, and resolves when those that run have ended and what they brought is settled. COMPUTE §12 */
  drain(options?: DrainOptions): Promise<DrainReport>
  /** Where a process that takes over asks; undefined where none can. */
  controlUrl: string | undefined
  /** Resolves when another process has taken over. */
  moved: Promise<void>
  /** After that: ends what runs here; returns how many jobs were cut at the deadline. */
  finishMoved(deadlineMs: number): Promise<number>
  close(): Promise<void>
}

/** Resolves as soon as the port is open; the model follows (`ready`). @throws {PortInUseError} {LogCorruptError} */
export async function startProvider(options: ProviderOptions): Promise<Provider> {
  const { env, account, port, host } = options
  const limits = providerLimitsSchema.parse(options.limits ?? {})
  const log = await openMovableLog(() => openJobLog(env.disk, options.folder ?? 'provider'))
  const { operatorToken, handOverFolder, adoption } = options
  let opened: Running | undefined
  const moved = Promise.withResolvers<void>()
  const started = Promise.withResolvers<unknown>()
  const server = await env.network.serve({
    port,
    ...(host === undefined ? {} : { host }),
    ...(handOverFolder && { sharePort: adoption ? 'join' : 'own' }),
    handler: createProviderHandler(
      () => opened,
      operatorOf(options, () => opened),
      // Nobody is turned away while one process follows another.
      adoption && (() => started.promise),
    ),
    // Ours is the smaller bound, and its refusal has the shape that clients know.
    bodyBytesMax: Math.max(limits.bodyBytesMax, limits.uploadBytesMax) * 16,
    stallMsMax: limits.stallMsMax,
  })
  const control =
    handOverFolder && operatorToken !== undefined
      ? await env.network.serve({ port: 0, handler: createControlHandler(operatorToken, () => opened) })
      : undefined

  async function open(): Promise<string> {
    const engine = await options.openEngine()
    const parts = await joinNetwork(options, limits, log, engine, server.url)
    const { context } = parts
    const adopted = adoption && (await adoptJobs(log, context.holds, env.clock, adoption))
    const seams = { ...parts, log, server, folder: handOverFolder!, token: operatorToken!, network: env.network }
    const handOver = control && createHandOver(seams)
    void handOver?.moved.then(moved.resolve)
    const { serviceMarket, disputeGame } = options.contracts
    const challenges = disputeGame && answerChallenges({ ...parts, disputeGame })
    const offer = serviceMarket && keepOffer({ ...parts, serviceMarket, region: options.region })
    opened = { ...parts, adopted, handOver, offer, challenges }
    env.log.info('provider open', { url: server.url, model: engine.model.name, address: account.address })
    return engine.model.name
  }

  const ready = open()
  void ready.then(started.resolve, started.resolve)
  // Whoever does not await `ready` still learns of it from the log.
  ready.catch((fault) => env.log.error('provider did not open', { reason: String(fault) }))
  return {
    address: account.address.toLowerCase() as Hex,
    url: server.url,
    controlUrl: control?.url,
    moved: moved.promise,
    ready,
    settle: async () => opened?.settlement.flush(),
    async drain(drainOptions) {
      await ready.catch(() => undefined)
      if (!opened) return { cutJobs: 0, unsettledWei: 0n, unvouchedJobs: 0, openClaims: 0 }
      const { settler, ...rest } = opened
      const claimAtOnce = () => {
        settler.claimAfterMs = 0
      }
      const withdraw = async () => opened?.offer?.withdraw()
      return drainProvider({ ...rest, withdraw, claimAtOnce, cut: () => server.close() }, drainOptions)
    },
    finishMoved: async (deadlineMs) => (await opened?.handOver?.finish(deadlineMs, () => server.close())) ?? 0,
    async close() {
      await server.close()
      await ready.catch(() => undefined)
      await control?.close()
      opened?.handOver?.close()
      await opened?.offer?.close()
      await opened?.challenges?.close()
      opened?.adopted?.close()
      await opened?.settlement.close()
      opened?.context.disputes.close()
      await opened?.context.engine.close()
      await log.close()
    },
  }
}

type Running = Opened & {
  offer: KeptOffer | undefined
  challenges: ChallengeWatch | undefined
  handOver: HandOver | undefined
  adopted: AdoptedJobs | undefined
}

/** Until the model is open the operator is told so. */
function operatorOf(
  { env, contracts, operatorToken, onDrainAsked, version = '' }: ProviderOptions,
  opened: () => Running | undefined,
): Operator {
  return {
    token: operatorToken,
    async status() {
      const parts = opened()
      if (!parts) return { state: 'opening', version }
      return describeStatus({ ...parts, ...contracts, version, offer: () => parts.offer?.current() ?? null })
    },
    async metrics() {
      const context = opened()?.context
      if (context) {
        const { running, waiting } = context.queue.size()
        context.metrics.running.set(running)
        context.metrics.waiting.set(waiting)
        context.metrics.runningMax.set(context.runningMax)
      }
      return env.metrics.render()
    },
    beginDrain:
      onDrainAsked &&
      ((deadlineMs) => {
        const context = opened()?.context
        if (context?.doors.state === 'open') context.doors.state = 'draining'
        onDrainAsked(deadlineMs === undefined ? {} : { deadlineMs })
      }),
  }
}
