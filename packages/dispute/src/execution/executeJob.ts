/** Does a job again on the engine, for whoever wants to accuse: digests of all operators, and outputs of those that a working reads. */
import { type ByteSource, GrammarStuckError, type Model, positionsMax } from '@weightless/tensor'
import type { TokenMask } from '@weightless/tensor/grammar/tokenMask'
import { bodyOperatorCount } from '@weightless/tensor/model/describeGraph'
import { createAdjuster } from '@weightless/tensor/sampler/adjustLogits'
import { sampleToken } from '@weightless/tensor/sampler/sampleToken'
import { recordSteps, type StepRecorder } from '@weightless/tensor/trace/recordSteps'
import type { Execution } from '../referee/accused.ts'
import type { JobCommitment } from '../referee/jobCommitment.ts'
import { evaluateInTurns, type SourceRows } from '../working/evaluateWorking.ts'
import { tokenOfStep, type WorkingPlan } from '../working/rules.ts'
import { adjustmentsOf } from './commitJob.ts'
import { readTensors } from './readTensors.ts'

type Pace = {
  signal?: AbortSignal
  pause?: () => Promise<void>
  /** Steps done of all, after each pass. */
  onProgress?: (doneSteps: number, totalSteps: number) => void
}

/**
 * @param file - the model's
 * @param tokens - prompt and output as the provider claims them, without the last: one for each step
 * @throws {NumberNotFiniteError} {ContextFullError} as a session does
 */
export async function executeJob(
  model: Model,
  job: JobCommitment,
  tokens: readonly number[],
  file: ByteSource,
  pace: Pace = {},
): Promise<Execution> {
  const recorder = recordSteps(job.graph.layerCount, true)
  const sample = bodyOperatorCount(job.graph.layerCount) + 2
  const records = new Map<number, Uint8Array>()
  const note = (row: number, position: number, record: Uint8Array) => {
    records.set(position, record.slice())
    recorder.record(row, sample, record)
  }
  await feed(model, job, tokens, recorder, pace, note, tokens.length)
  const trace = recorder.finish()
  const pause = pace.pause ?? (async () => {})
  return {
    tokens,
    operators: trace.operators!,
    record: (position) => records.get(position),
    file: (plan) => readTensors(plan, file),
    async work(plan) {
      const sources = await captureSources(model, job, tokens, plan, pace)
      return evaluateInTurns(plan, sources, await readTensors(plan, file), pause)
    },
  }
}

/** Feeds the first `steps` tokens in passes; `onSample` is told of each draw, with its row in the pass. */
async function feed(
  model: Model,
  job: JobCommitment,
  tokens: readonly number[],
  recorder: StepRecorder,
  pace: Pace,
  onSample: (row: number, position: number, record: Uint8Array) => void,
  steps: number,
): Promise<void> {
  const { arena, sampleWeights, adjustedLogits } = model.parts
  const session = model.createSession(Math.max(1, tokens.length))
  const adjuster = createAdjuster(arena, adjustedLogits, adjustmentsOf(job.sampler.adjust))
  const mask = job.mask?.()
  try {
    for (let first = 0; first < steps; first += positionsMax) {
      pace.signal?.throwIfAborted()
      const pass = tokens.slice(first, Math.min(steps, first + positionsMax))
      const wanted = Math.min(pass.length, Math.max(0, job.promptTokens - 1 - first))
      session.append(pass, wanted, recorder).forEach((logits, i) => {
        const position = first + wanted + i
        const index = position - job.promptTokens + 1
        if (index > 0) {
          adjuster.push(tokens[position]!)
          mask?.push(tokens[position]!)
        }
        const adjusted = adjuster.adjust(logits, allowedBy(mask))
        onSample(wanted + i, position, sampleToken(arena, adjusted, sampleWeights, job.sampler, index).record)
      })
      pace.onProgress?.(first + pass.length, steps)
      await pace.pause?.()
    }
  } finally {
    session.close()
  }
}

/** Behind a claimed token that the mask did not leave nothing is masked: what is wrong with the answer is before. */
function allowedBy(mask: TokenMask | undefined): Uint32Array | undefined {
  try {
    return mask?.allowed()
  } catch (error) {
    if (error instanceof GrammarStuckError) return undefined
    throw error
  }
}

/** Runs once more up to the working's position, and keeps what its sources are. */
async function captureSources(
  model: Model,
  job: JobCommitment,
  tokens: readonly number[],
  plan: WorkingPlan,
  pace: Pace,
): Promise<SourceRows> {
  const wanted = new Set<string>()
  for (const { rule, words } of plan.tables) {
    if (rule.kind !== 'source') continue
    for (let row = 0; row * rule.rowWords < words; row++) wanted.add(`${rule.first + row} ${rule.operator}`)
  }
  const kept = new Map<string, Uint32Array>()
  const keep = (position: number, operator: number, output: Uint8Array) => {
    const key = `${position} ${operator}`
    if (wanted.has(key)) kept.set(key, new Uint32Array(output.slice().buffer))
  }
  const steps = recordSteps(job.graph.layerCount, false)
  let first = 0
  const recorder: StepRecorder = {
    ...steps,
    begin(position, pass) {
      first = position
      steps.begin(position, pass)
    },
    capture: (row, operator, output) => keep(first + row, operator, output),
  }
  const sample = bodyOperatorCount(job.graph.layerCount) + 2
  await feed(
    model,
    job,
    tokens,
    recorder,
    pace,
    (_, position, record) => keep(position, sample, record),
    plan.position + 1,
  )
  return (position, operator) =>
    operator === tokenOfStep
      ? Uint32Array.of(tokens[position]!)
      : (kept.get(`${position} ${operator}`) ?? new Uint32Array())
}
