/** Executes answers again for a gateway, each model in a worker of its own; whoever asked is told what differs. Spec: COMPUTE §10.10 */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { Env, TaskPort } from '@weightless/env'
import { type Bundle, bundleToJson, type Verification } from '@weightless/receipt'
import type { FromReferee, RefereeInput, ToReferee } from './refereePort.ts'

export type Referee = {
  /** Whether it has the weights, and room in its queue. */
  canJudge(modelRoot: Hex): Promise<boolean>
  /** @throws {RefereeFailedError} the weights are gone, or their worker is */
  judge(bundle: Bundle): Promise<Verification>
  close(): Promise<void>
}

export type RefereeOptions = {
  env: Pick<Env, 'tasks' | 'log'>
  /** Whether `load` would find them; cheap. */
  has(modelRoot: Hex): Promise<boolean>
  /** The whole file; the array is given away. It is checked by its root. */
  load(modelRoot: Hex): Promise<Uint8Array | undefined>
}

/** Answers that wait; with more, no request of these levels is taken. */
const waitingMax = 64
/** Workers, each with a model in memory. */
const workersMax = 2

export function createReferee({ env, has, load }: RefereeOptions): Referee {
  /** In the order of their last use. */
  const workers = new Map<Hex, Promise<Worker>>()
  let waiting = 0

  async function workerOf(root: Hex): Promise<Worker> {
    const known = workers.get(root)
    workers.delete(root)
    const worker = known ?? openWorker(env, root, load, () => workers.delete(root))
    workers.set(root, worker)
    worker.catch(() => workers.delete(root))
    for (const [other, old] of workers) {
      if (workers.size <= workersMax) break
      workers.delete(other)
      void old.then(
        (idle) => idle.close(),
        () => undefined,
      )
    }
    return worker
  }

  return {
    canJudge: async (root) => waiting < waitingMax && (await has(root)),
    async judge(bundle) {
      waiting++
      try {
        const worker = await workerOf(bundle.receipt.modelRoot)
        return await worker.judge(bundle)
      } finally {
        waiting--
      }
    },
    async close() {
      const open = [...workers.values()]
      workers.clear()
      for (const worker of open)
        await worker.then(
          ({ close }) => close(),
          () => undefined,
        )
    },
  }
}

type Worker = { judge(bundle: Bundle): Promise<Verification>; close(): Promise<void> }

async function openWorker(
  { tasks, log }: RefereeOptions['env'],
  modelRoot: Hex,
  load: RefereeOptions['load'],
  onEnd: () => void,
): Promise<Worker> {
  const weights = await load(modelRoot)
  if (!weights) throw new RefereeFailedError({ reason: `nobody here has the weights ${modelRoot}` })
  const input: RefereeInput = { modelRoot, weights }
  const port: TaskPort = tasks.open(new URL('./refereeWorker.ts', import.meta.url), input, [
    weights.buffer as ArrayBuffer,
  ])
  const asked = new Map<number, PromiseWithResolvers<Verification>>()
  let next = 0
  let ended: RefereeFailedError | undefined

  async function listen(): Promise<void> {
    let reason = 'its worker has ended'
    try {
      for await (const message of port.messages as AsyncIterable<FromReferee>) {
        const waiting = asked.get(message.id)
        asked.delete(message.id)
        if ('verification' in message) waiting?.resolve(message.verification)
        else waiting?.reject(new RefereeFailedError({ reason: message.reason }))
      }
    } catch (fault) {
      reason = fault instanceof Error ? fault.message : String(fault)
      log.error('referee lost', { modelRoot, reason })
    }
    ended = new RefereeFailedError({ reason })
    onEnd()
    for (const { reject } of asked.values()) reject(ended)
    asked.clear()
  }

  void listen()
  return {
    judge(bundle) {
      if (ended) return Promise.reject(ended)
      const id = next++
      const answer = Promise.withResolvers<Verification>()
      asked.set(id, answer)
      const message: ToReferee = { id, bundle: bundleToJson(bundle) }
      port.send(message)
      return answer.promise
    },
    close: () => port.close(),
  }
}

export class RefereeFailedError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('compute/referee-failed', 'The answer could not be executed again.', facts)
  }
}
