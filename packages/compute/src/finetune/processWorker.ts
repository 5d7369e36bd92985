/**
 * Another program as the training worker (PyTorch with PEFT is ours): one process for each task, JSON lines both ways. What it
 * says is checked like any other input. Spec: FINETUNING §5.2; `workers/peft` is the other end.
 */
import { decodeBase64, encodeBase64, type Hex, textToBytes } from '@weightless/codec'
import { z } from 'zod'
import {
  TrainingFailedError,
  type TrainingJob,
  type TrainingPoint,
  TrainingRefusedError,
  type TrainingResult,
  type TrainingSession,
  type TrainingSnapshot,
  type TrainingWorker,
} from './trainingWorker.ts'

/** A program that is spoken to in lines; `close` ends it, whatever it does. */
export type LineProcess = {
  send(line: string): void
  /** Ends when the program does. @throws when it ends badly */
  lines: AsyncIterable<string>
  close(): Promise<void>
}

export type ProcessWorkerOptions = {
  name: string
  start(): LineProcess
  /** What the program loads for a model: a folder or a file of its own machine. */
  modelPathOf(modelRoot: Hex): string | undefined
}

const quality = z.object({ loss: z.number(), accuracy: z.number() })
const count = z.int().min(0)
const answer = z.discriminatedUnion('op', [
  z.object({ op: z.literal('opened'), rows: count, heldOutRows: count, steps: count, trainedTokens: count }),
  z.object({ op: z.literal('begun'), step: count }),
  z.object({
    ...{ op: z.literal('snapshot'), step: z.int().min(1), trainedTokens: count },
    ...{ base: quality.optional(), state: z.string() },
  }),
  z.object({
    ...{ op: z.literal('point'), step: count, steps: count, loss: z.number(), gradNorm: z.number().optional() },
    ...{ heldOut: quality.optional(), trainedTokens: count, tokensPerSecond: z.number() },
  }),
  z.object({
    ...{ op: z.literal('trained'), adapter: z.string(), trainedTokens: count },
    ...{ base: quality.optional(), tuned: quality.optional() },
  }),
  z.object({ op: z.literal('refused'), reason: z.string().max(2_000) }),
  z.object({ op: z.literal('failed'), reason: z.string().max(2_000) }),
])
type Answer = z.infer<typeof answer>

export function createProcessWorker({ name, start, modelPathOf }: ProcessWorkerOptions): TrainingWorker {
  return {
    name,
    async open(job) {
      if (job.parameters.method !== 'lora') {
        throw new TrainingRefusedError({ reason: 'this worker trains adapters, not all weights' })
      }
      const model = modelPathOf(job.modelRoot)
      if (model === undefined) throw new TrainingRefusedError({ reason: 'the worker has no such model' })
      const program = start()
      try {
        return await openSession(program, job, model)
      } catch (fault) {
        await program.close()
        throw fault
      }
    },
  }
}

async function openSession(program: LineProcess, job: TrainingJob, model: string): Promise<TrainingSession> {
  const lines = program.lines[Symbol.asyncIterator]()
  const { taskId, examples, parameters } = job
  program.send(JSON.stringify({ op: 'open', taskId, model, examples, parameters }))
  const opened = await nextAnswer(lines)
  if (opened.op !== 'opened') throw new TrainingFailedError({ reason: `the worker answered ${opened.op}` })
  const { rows, heldOutRows, steps, trainedTokens } = opened
  return {
    plan: { rows, heldOutRows, steps, trainedTokens },
    async train({ onPoint, onBegin, onSnapshot, resume }) {
      program.send(JSON.stringify({ op: 'train', ...(resume && { resume: writeSnapshot(resume) }) }))
      for (;;) {
        const said = await nextAnswer(lines)
        if (said.op === 'trained') return readResult(said)
        if (said.op === 'point') onPoint?.(readPoint(said))
        if (said.op === 'begun') onBegin?.(said.step)
        if (said.op === 'snapshot') onSnapshot?.(readSnapshot(said))
      }
    },
    close: () => program.close(),
  }
}

async function nextAnswer(lines: AsyncIterator<string>): Promise<Exclude<Answer, { op: 'refused' | 'failed' }>> {
  let said: Answer
  try {
    const next = await lines.next()
    if (next.done) throw new TrainingFailedError({ reason: 'the worker ended' })
    said = answer.parse(JSON.parse(next.value))
  } catch (fault) {
    if (fault instanceof TrainingFailedError) throw fault
    throw new TrainingFailedError({ reason: 'the worker broke off or spoke nonsense' }, fault)
  }
  if (said.op === 'refused') throw new TrainingRefusedError({ reason: said.reason })
  if (said.op === 'failed') throw new TrainingFailedError({ reason: said.reason })
  return said
}

function readPoint({
  step,
  steps,
  loss,
  gradNorm,
  heldOut,
  trainedTokens,
  tokensPerSecond,
}: Said<'point'>): TrainingPoint {
  const measured = { ...(gradNorm !== undefined && { gradNorm }), ...(heldOut && { heldOut }) }
  return { step, steps, loss, trainedTokens, tokensPerSecond, ...measured }
}

function readResult({ adapter, trainedTokens, base, tuned }: Said<'trained'>): TrainingResult {
  const bytes = decodeBase64(textToBytes(adapter))
  if (!bytes) throw new TrainingFailedError({ reason: 'the adapter is not base64' })
  return { adapter: bytes, trainedTokens, base, tuned }
}

function writeSnapshot({ state, ...rest }: TrainingSnapshot) {
  return { ...rest, state: encodeBase64(state) }
}

function readSnapshot({ step, trainedTokens, base, state }: Said<'snapshot'>): TrainingSnapshot {
  const bytes = decodeBase64(textToBytes(state))
  if (!bytes) throw new TrainingFailedError({ reason: 'the saved state is not base64' })
  return { step, trainedTokens, ...(base && { base }), state: bytes }
}

type Said<Op extends Answer['op']> = Extract<Answer, { op: Op }>
