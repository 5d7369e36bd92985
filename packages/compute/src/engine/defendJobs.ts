/** Disputes inside the engine's worker: executes a job again and answers questions about its working. Spec: spec/dispute.md §9 */
import { WeightlessError } from '@weightless/codec'
import { commitJob, createDefender, type Defender, executeJob } from '@weightless/dispute'
import type { ByteSource, Model } from '@weightless/tensor'
import type { AdapterPlaces } from '@weightless/tensor/adapter/locateAdapter'
import type { DisputeAnswer, DisputeQuestion } from '../wire/disputeMessages.ts'
import type { DisputedJob } from './engine.ts'

/** Disputes that are kept: each has the working asked for last, of tens of MB. Two over HTTP, and the one on chain. */
const disputesMax = 3

type Kept = { defender: Promise<Defender>; stop: AbortController }

export type JobDefences = {
  /** Undefined where there is nothing at the place asked for. */
  answer(job: DisputedJob): Promise<DisputeAnswer | undefined>
  forget(key: string): void
}

/** @param file - the model's, with an adapter's behind it; only ranges of it are read */
export function createJobDefences(
  model: Model,
  file: ByteSource,
  pause: () => Promise<void>,
  adapter?: AdapterPlaces,
): JobDefences {
  const kept = new Map<string, Kept>()
  function forget(key: string): void {
    kept.get(key)?.stop.abort()
    kept.delete(key)
  }
  function open(disputed: DisputedJob): Kept {
    if (kept.size >= disputesMax) throw new DisputesFullError(kept.size)
    const stop = new AbortController()
    const made = { stop, defender: defend({ model, file, adapter }, disputed, pause, stop.signal) }
    kept.set(disputed.key, made)
    made.defender.catch(() => kept.delete(disputed.key))
    return made
  }
  return {
    forget,
    async answer(disputed) {
      const { defender } = kept.get(disputed.key) ?? open(disputed)
      return answerQuestion(await defender, disputed.question)
    },
  }
}

async function defend(
  { model, file, adapter }: { model: Model; file: ByteSource; adapter: AdapterPlaces | undefined },
  disputed: DisputedJob,
  pause: () => Promise<void>,
  signal: AbortSignal,
): Promise<Defender> {
  const { job, outputTokens, traceRoot } = disputed
  const { job: commitment, tokens } = commitJob(model, { ...job, outputTokens, adapter, traceRoot })
  const paced = async () => {
    signal.throwIfAborted()
    await pause()
  }
  const own = await executeJob(model, commitment, tokens, file, { signal, pause: paced })
  return createDefender({ job: commitment, tokens, operators: own.operators, work: own.work })
}

async function answerQuestion(defender: Defender, question: DisputeQuestion): Promise<DisputeAnswer | undefined> {
  const { ask } = question
  if (ask === 'trace') return hashesOf(await defender.traceHashes(question.level, question.index))
  if (ask === 'step') {
    const step = await defender.step(question.position)
    return step && { kind: 'step', step }
  }
  const { position, operator } = question
  if (ask === 'hashes') return hashesOf(await defender.hashes(position, operator, question.level, question.index))
  if (ask === 'root') {
    const root = await defender.workingRoot(position, operator)
    return root && { kind: 'root', root }
  }
  const bytes = await defender.chunk(position, operator, question.chunk)
  return bytes && { kind: 'chunk', bytes }
}

function hashesOf(hashes: readonly Uint8Array[] | undefined): DisputeAnswer | undefined {
  return hashes && { kind: 'hashes', hashes }
}

class DisputesFullError extends WeightlessError {
  constructor(count: number) {
    super('compute/disputes-full', 'As many disputes as may be are open already.', { count })
  }
}
