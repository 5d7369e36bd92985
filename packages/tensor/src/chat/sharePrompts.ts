/**
 * Conversations that begin alike have the beginning of their prompts computed once: the others copy its keys, values and step
 * digests, which depend on the tokens alone, so bits and trace are those of a run that shares nothing. Shared are whole prompts
 * within a group (choices of one request), and among all the tokens with which every conversation under the model's template
 * begins. No more: from how soon an answer comes nobody may learn what others have asked.
 */
import { MemoryExhaustedError } from '../kernels/loadKernels.ts'
import { createSession, type Session } from '../model/createSession.ts'
import type { Model } from '../model/loadModel.ts'
import type { RecordedSteps } from '../trace/recordSteps.ts'
import type { ChatTask } from './chatTask.ts'

/** A conversation with its place in memory. */
export type Sharer = {
  task: ChatTask
  session: Session | undefined
  /** Conversations with the same have one customer; absent: shares with nobody. */
  group: string | undefined
}

export type PromptSharing = {
  /** Positions held for good. */
  held(): number
  /** Has conversations that begin copy what there is. Those returned wait for another's prompt: they have no rows to give. */
  share(running: ReadonlySet<Sharer>): ReadonlySet<Sharer>
  /** Keeps the beginning that all have, once this conversation has computed it. */
  keep(from: Sharer): void
}

/** Tokens that went through, the first `session.length` of them so far, and the steps of those. */
type Source = {
  tokens: readonly number[]
  session: Session
  trace: ChatTask['trace']
  first(count: number): RecordedSteps | undefined
}

/** Positions after which no more are copied before a pass, so that nobody waits for long prompts of others. */
const copiedMax = 1_024
/** Longest beginning that is kept, and its largest share of the room for all. */
const keptMax = 512
const keptShare = 1 / 8

export function createPromptSharing(model: Model, positionsMax: number): PromptSharing {
  let opening: readonly number[] | undefined
  let kept: Source | undefined
  return {
    held: () => kept?.session.length ?? 0,
    share(running) {
      const waiting = new Set<Sharer>()
      const leaders = findLeaders(running)
      let copied = 0
      for (const seat of running) {
        if (seat.session!.length > 0) continue
        const leader = leaders.get(seat.group)
        const source = leader && leader !== seat ? sourceOf(leader) : undefined
        const wanted = source ? countShared(source, seat.task) : 0
        if (copied > copiedMax || (source && source.session.length < wanted)) waiting.add(seat)
        else if (source && wanted > 0) copied += copy(source, seat)
        else if (kept) copied += copy(kept, seat)
      }
      return waiting
    },
    keep(from) {
      if (kept || from.task.trace !== 'steps') return
      opening ??= findOpening(model)
      const count = opening.length
      if (count === 0 || count > Math.min(keptMax, positionsMax * keptShare)) return
      const source = sourceOf(from)
      if (source.session.length < count || countCommon(source.tokens, opening) < count) return
      kept = copyOpening(model, source, opening)
      if (!kept) opening = []
    },
  }
}

/** Of each group the one that has come furthest. */
function findLeaders(running: ReadonlySet<Sharer>): Map<string | undefined, Sharer> {
  const leaders = new Map<string | undefined, Sharer>()
  for (const seat of running) {
    if (seat.group === undefined) continue
    const best = leaders.get(seat.group)
    if (!best || seat.session!.length > best.session!.length) leaders.set(seat.group, seat)
  }
  return leaders
}

/** Without the last token of the prompt: its step commits to logits and to what was drawn from them. */
function sourceOf({ task, session }: Sharer): Source {
  const { promptTokens, recorder, trace } = task
  return { tokens: promptTokens.slice(0, -1), session: session!, trace, first: (count) => recorder?.first(count) }
}

/** The last token of a prompt goes through in its own conversation, which needs its logits. */
function countShared({ tokens, trace }: Source, task: ChatTask): number {
  return trace === task.trace ? Math.min(countCommon(tokens, task.promptTokens), task.promptTokens.length - 1) : 0
}

function countCommon(a: readonly number[], b: readonly number[]): number {
  const end = Math.min(a.length, b.length)
  for (let i = 0; i < end; i++) if (a[i] !== b[i]) return i
  return end
}

/** @returns positions copied; none where memory for them is missing */
function copy(source: Source, to: Sharer): number {
  const count = countShared(source, to.task)
  if (count === 0 || !inherit(to.session!, source, count)) return 0
  to.task.inherit(count, source.first(count))
  return count
}

function inherit(session: Session, source: Source, count: number): boolean {
  try {
    session.inherit(source.session, count)
    return true
  } catch (fault) {
    if (fault instanceof MemoryExhaustedError) return false
    throw fault
  }
}

function copyOpening({ parts }: Model, source: Source, tokens: readonly number[]): Source | undefined {
  let session: Session
  try {
    session = createSession(parts, tokens.length)
  } catch (fault) {
    if (fault instanceof MemoryExhaustedError) return undefined
    throw fault
  }
  session.inherit(source.session, tokens.length)
  const recorded = source.first(tokens.length)
  const first = (count: number) => recorded && { ...recorded, steps: recorded.steps.slice(0, count) }
  return { tokens, session, trace: source.trace, first }
}

/** Tokens with which every conversation begins whose first message is the user's: what the template puts before it. */
function findOpening(model: Model): readonly number[] {
  const [a, b] = ['a', 'b'].map((content) => {
    try {
      return model.promptTokens([{ role: 'user', content }])
    } catch {
      // A template that cannot take this has no such beginning.
      return []
    }
  })
  return a!.slice(0, countCommon(a!, b!))
}
