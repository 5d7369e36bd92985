/** Conversations on a model: each has its key–value cache; new positions of one or of several go through the model in a pass. */
import { WeightlessError } from '@weightless/codec'
import type { StepRecorder } from '../trace/recordSteps.ts'
import { foldTermsMax } from './describeGraph.ts'
import type { EngineParts } from './engineParts.ts'
import { forward, type SegmentResult } from './forward.ts'
import { allocateCache, copyPositions, growCache, type KeyValueCache, releaseCache } from './keyValueCache.ts'
import { positionsMax } from './scratch.ts'

export type Session = {
  /** Positions in the cache. */
  length: number
  capacity: number
  /** Where its keys and values are until the next `reserve`, `inherit` or `close`. */
  cache: KeyValueCache
  /**
   * Appends 1 to `positionsMax` tokens. `logitsFrom` is the index of the first of them whose logits are wanted
   * (`tokens.length` for none); rows of the result follow in order, valid until the next pass on this model.
   * @throws {ContextFullError} {NumberNotFiniteError} {MemoryExhaustedError}
   */
  append(tokens: readonly number[], logitsFrom: number, recorder?: StepRecorder): Float32Array[]
  /** Makes room for `count` more positions, which come to lie from `length` on. @throws as `append` */
  reserve(count: number): KeyValueCache
  /** Takes over the first `count` positions of another, in place of what it has itself. @throws as `append` */
  inherit(from: Session, count: number): void
  /** Counts positions as appended. */
  advance(count: number): void
  /** Forgets positions from `length` on. */
  truncate(length: number): void
  /** Gives the cache's memory back. */
  close(): void
}

/** New positions of one session, `reserve`d. */
export type SessionRows = {
  session: Session
  cache: KeyValueCache
  tokens: readonly number[]
  logitsFrom: number
  recorder: StepRecorder | undefined
}

export { positionsMax }

const firstCapacity = 512

/** @param capacity - positions that the session may come to hold; memory is taken as they come */
export function createSession(parts: EngineParts, capacity: number): Session {
  const capacityMax = Math.min(Math.ceil(capacity / 16) * 16, foldTermsMax)
  let cache = allocateCache(parts, Math.min(firstCapacity, capacityMax))
  let length = 0
  let open = true
  const session: Session = {
    get length() {
      return length
    },
    capacity: capacityMax,
    get cache() {
      return cache
    },
    append(tokens, logitsFrom, recorder) {
      const own = session.reserve(tokens.length)
      const [result] = appendTogether(parts, [{ session, cache: own, tokens, logitsFrom, recorder }])
      if (!result!.ok) throw result!.fault
      return result!.logits
    },
    reserve(count) {
      const needed = length + count
      if (!open || count < 1 || count > positionsMax || needed > capacityMax) {
        throw new ContextFullError({ capacity: open ? capacityMax : 0, needed })
      }
      if (needed > cache.capacity) cache = growCache(parts, cache, Math.min(capacityMax, cache.capacity * 2), length)
      return cache
    },
    inherit(from, count) {
      if (!open || count > Math.min(from.length, capacityMax)) {
        throw new ContextFullError({ capacity: open ? capacityMax : 0, needed: count })
      }
      length = 0
      if (count > cache.capacity) cache = growCache(parts, cache, Math.ceil(count / 16) * 16, 0)
      copyPositions(parts, from.cache, cache, count)
      length = count
    },
    advance(count) {
      length += count
    },
    truncate(to) {
      length = Math.min(length, Math.max(0, to))
    },
    close() {
      if (open) releaseCache(parts, cache)
      open = false
    },
  }
  return session
}

/** One pass over new positions of different sessions, together 1 to `positionsMax`. Sessions that fail do not advance. */
export function appendTogether(parts: EngineParts, rows: readonly SessionRows[]): SegmentResult[] {
  const results = forward(
    parts,
    rows.map(({ session, ...segment }) => ({ ...segment, first: session.length })),
  )
  results.forEach((result, i) => {
    if (result.ok) rows[i]!.session.advance(rows[i]!.tokens.length)
  })
  return results
}

export class ContextFullError extends WeightlessError {
  constructor(facts: { capacity: number; needed: number }) {
    super('tensor/context-full', 'The conversation does not fit in its context.', facts)
  }
}
