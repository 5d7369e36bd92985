/** The embedded LoRA trainer as a training worker: a thread for each task, gone with its memory when the task is done. Spec: FINETUNING §5.1. */
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { openDefence } from './dispute/openDefence.ts'
import {
  TrainingFailedError,
  type TrainingJob,
  TrainingRefusedError,
  type TrainingSession,
  type TrainingWorker,
} from './trainingWorker.ts'
import type { FromTrainer, ToTrainer, TrainInput } from './trainThread.ts'

export type EmbeddedWorkerOptions = {
  env: Pick<Env, 'tasks' | 'clock'>
  /** The whole GGUF file; the array is given away. */
  loadWeights(modelRoot: Hex): Promise<Uint8Array>
}

export function createEmbeddedWorker({ env, loadWeights }: EmbeddedWorkerOptions): TrainingWorker {
  return {
    name: 'embedded LoRA trainer',
    async defend({ examples, parameters, modelRoot }, states) {
      return openDefence(env, { weights: await loadWeights(modelRoot), job: { examples, parameters }, states })
    },
    async open({ examples, parameters, modelRoot }: TrainingJob): Promise<TrainingSession> {
      const weights = (await loadWeights(modelRoot)).slice()
      const input: TrainInput = { weights, job: { examples, parameters, modelRoot } }
      const port = env.tasks.open(new URL('./trainThread.ts', import.meta.url), input, [weights.buffer])
      const messages = port.messages[Symbol.asyncIterator]() as AsyncIterator<FromTrainer>
      try {
        const opened = await next(messages)
        if (opened.kind !== 'opened') throw new TrainingFailedError({ reason: `the trainer said ${opened.kind}` })
        return {
          plan: opened.plan,
          async train({ onPoint, onBegin, onSnapshot, resume }) {
            const startedMs = env.clock.monotonicMs()
            let tokensBefore = 0
            port.send({ resume } satisfies ToTrainer)
            for (;;) {
              const said = await next(messages)
              if (said.kind === 'trained') return said.result
              if (said.kind === 'snapshot') onSnapshot?.(said.snapshot)
              if (said.kind === 'begun') {
                tokensBefore = said.trainedTokens
                onBegin?.(said.step)
              }
              if (said.kind !== 'point') continue
              const seconds = Math.max(1, env.clock.monotonicMs() - startedMs) / 1000
              onPoint?.({ ...said.point, tokensPerSecond: (said.point.trainedTokens - tokensBefore) / seconds })
            }
          },
          close: () => port.close(),
        }
      } catch (fault) {
        await port.close()
        throw fault
      }
    },
  }
}

async function next(messages: AsyncIterator<FromTrainer>): Promise<Exclude<FromTrainer, { kind: 'failed' }>> {
  let said: IteratorResult<FromTrainer>
  try {
    said = await messages.next()
  } catch (cause) {
    throw new TrainingFailedError({ reason: 'the trainer broke off' }, cause)
  }
  if (said.done) throw new TrainingFailedError({ reason: 'the trainer was ended' })
  if (said.value.kind !== 'failed') return said.value
  const { reason, isRefused } = said.value
  throw isRefused ? new TrainingRefusedError({ reason }) : new TrainingFailedError({ reason })
}
