/**
 * Many conversations at once on one model: each pass takes the next token of every answer under way and, in the rows left,
 * pieces of prompts; conversations come and go between passes, and what their prompts have in common goes through once
 * (`sharePrompts.ts`). Tokens and trace are those of `runChat`, whatever shares the passes. Memory for keys and values is bounded: who does not fit waits, in order of arrival.
 */
import { WeightlessError } from '@weightless/codec'
import { appendTogether, createSession, type SessionRows } from '../model/createSession.ts'
import type { EngineParts } from '../model/engineParts.ts'
import type { SegmentResult } from '../model/forward.ts'
import type { Model } from '../model/loadModel.ts'
import { positionsMax as rowsMax } from '../model/scratch.ts'
import { sampleTogether } from '../sampler/sampleTogether.ts'
import type { Sample } from '../sampler/sampleToken.ts'
import type { ChatRequest } from './chatRequest.ts'
import { type ChatRun, type ChatTaskOptions, type ChatToken, openChatTask } from './chatTask.ts'
import { createPromptSharing, type Sharer } from './sharePrompts.ts'

export type ChatBatchLimits = {
  /** Conversations in memory at once, 1 to 32. */
  sessionsMax: number
  /** Positions that they may come to hold together, prompt and longest answer; a lone one may always run. */
  positionsMax: number
  /** Conversations that may wait for room. */
  waitingMax: number
}

export type ChatSeatOptions = ChatTaskOptions & {
  onToken?: (event: ChatToken) => void
  /** Whether the reader takes another token; the answer rests while it does not. */
  isReady?: () => boolean
  /** Conversations with the same one are of one customer, who may notice that their prompts go through together. */
  group?: string
}

export type ChatSeat = {
  promptTokens: number
  /** Ends the answer here, as `cancelled`; its memory is free at once. */
  abort(): void
  /** Rejects with {NumberNotFiniteError} {MemoryExhaustedError} {MateLostError}. */
  result: Promise<ChatRun>
}

export type ChatBatch = {
  /** @throws {ChatInvalidError} {ChatTemplateError} {BatchFullError} */
  add(request: ChatRequest, options?: ChatSeatOptions): ChatSeat
  /** One pass. False when there was nothing to do: no conversation, or no reader that takes more. */
  step(): boolean
  size(): { running: number; waiting: number }
}

type Seat = Sharer & {
  options: ChatSeatOptions
  settle: { resolve: (run: ChatRun) => void; reject: (fault: unknown) => void }
}

/** A seat's part in a pass. */
type Turn = { seat: Seat; rows: SessionRows }

export function createChatBatch(model: Model, limits: ChatBatchLimits): ChatBatch {
  const { parts } = model
  const sessionsMax = Math.max(1, Math.min(rowsMax, limits.sessionsMax))
  const running = new Set<Seat>()
  const waiting = new Set<Seat>()
  const sharing = createPromptSharing(model, limits.positionsMax)

  function leave(seat: Seat): boolean {
    seat.session?.close()
    return running.delete(seat) || waiting.delete(seat)
  }

  function end(seat: Seat): void {
    if (leave(seat)) seat.settle.resolve(seat.task.finish())
  }

  function fail(seat: Seat, fault: unknown): void {
    if (leave(seat)) seat.settle.reject(fault)
  }

  function admit(): void {
    let held = sharing.held()
    for (const { task } of running) held += task.capacity
    for (const seat of waiting) {
      held += seat.task.capacity
      const fits = running.size === 0 || (running.size < sessionsMax && held <= limits.positionsMax)
      if (!fits) return
      try {
        seat.session = createSession(parts, seat.task.capacity)
      } catch (fault) {
        fail(seat, fault)
        continue
      }
      waiting.delete(seat)
      running.add(seat)
    }
  }

  /** Makes room in the cache; a conversation for which there is none fails alone. */
  function reserve([seat, count]: [Seat, number]): Turn[] {
    const { task } = seat
    const session = seat.session!
    try {
      const next = task.next(count)
      const cache = session.reserve(next.tokens.length)
      return [{ seat, rows: { session, cache, ...next, recorder: task.recorder } }]
    } catch (fault) {
      fail(seat, fault)
      return []
    }
  }

  function take(seat: Seat, count: number, logits: Float32Array | undefined, drawn: Sample | undefined): void {
    // Another's `onToken` may have ended it.
    if (!running.has(seat)) return
    try {
      const wasPrompt = !seat.task.isAnswering()
      const event = seat.task.take(count, logits, drawn)
      if (wasPrompt) sharing.keep(seat)
      if (event !== undefined) seat.options.onToken?.(event)
    } catch (fault) {
      return fail(seat, fault)
    }
    if (seat.task.pending().length === 0) end(seat)
  }

  return {
    add(request, options = {}) {
      if (waiting.size >= limits.waitingMax) throw new BatchFullError({ waiting: waiting.size })
      const task = openChatTask(model, request, options)
      const settle = Promise.withResolvers<ChatRun>()
      // Whoever does not await the result is told of a fault by nobody else, and must not take the process down.
      settle.promise.catch(() => undefined)
      const seat: Seat = { task, options, session: undefined, group: options.group, settle }
      waiting.add(seat)
      return { promptTokens: task.promptTokens.length, abort: () => end(seat), result: settle.promise }
    },
    step() {
      admit()
      const pass = chooseRows(running, sharing.share(running)).flatMap(reserve)
      if (pass.length === 0) return waiting.size > 0 && running.size === 0
      try {
        const results = appendTogether(
          parts,
          pass.map(({ rows }) => rows),
        )
        const drawn = drawTogether(parts, pass, results)
        results.forEach((result, i) => {
          const { seat, rows } = pass[i]!
          if (result.ok) take(seat, rows.tokens.length, result.logits[0], drawn.get(i))
          else fail(seat, result.fault)
        })
      } catch (fault) {
        for (const { seat } of pass) fail(seat, fault)
      }
      return true
    },
    size: () => ({ running: running.size, waiting: waiting.size }),
  }
}

/** What is drawn after a pass by all threads, by place in the pass; the rest each draws itself. */
function drawTogether(
  parts: EngineParts,
  pass: readonly Turn[],
  results: readonly SegmentResult[],
): Map<number, Sample> {
  const rows = results.flatMap((result, at) => {
    const logits = result.ok ? result.logits[0] : undefined
    const draw = logits && pass[at]!.seat.task.nextDraw()
    return logits && draw ? [{ at, logits, draw }] : []
  })
  if (rows.length < 2) return new Map()
  return new Map(sampleTogether(parts, rows).map((sample, i) => [rows[i]!.at, sample]))
}

/**
 * Which seats take part in the next pass, and with how many tokens at most: a token of each answer, and prompts in all rows
 * left, since a pass costs much whatever its rows. A pass has few enough that newcomers make answers wait two or three times
 * as long as they do otherwise, no more. Whose prompt had its turn goes to the end.
 */
function chooseRows(running: Set<Seat>, resting: ReadonlySet<Sharer>): [Seat, number][] {
  const seats = [...running]
  const answering = seats.filter(({ task, options }) => task.isAnswering() && (options.isReady?.() ?? true))
  const chosen: [Seat, number][] = answering.map((seat) => [seat, 1])
  let left = rowsMax - answering.length
  for (const seat of seats) {
    if (left === 0 || seat.task.isAnswering() || resting.has(seat)) continue
    const count = Math.min(left, seat.task.pending().length)
    chosen.push([seat, count])
    left -= count
    // A long prompt does not keep a short one out.
    running.delete(seat)
    running.add(seat)
  }
  return chosen
}

export class BatchFullError extends WeightlessError {
  constructor(facts: { waiting: number }) {
    super('tensor/batch-full', 'Too many conversations wait for the model already.', facts, {
      hint: 'Try again in some seconds.',
    })
  }
}
