/**
 * A session's keys and values: per layer all keys, then all values; of each key head, keys as [positions/4][size][4], values as
 * [positions][size], f32. `assembly/engine/attention.ts` reads and writes it.
 */
import type { EngineParts } from './engineParts.ts'

export type KeyValueCache = {
  /** Positions there is room for; a multiple of 16. */
  capacity: number
  address: number
  /** Per thread of the crew, room for the scores of three heads ((capacity + 16) f32 each), used while they attend. */
  scores: number
}

export function allocateCache(parts: EngineParts, capacity: number): KeyValueCache {
  const address = parts.arena.allocate(layerBytes(parts, capacity) * 2 * parts.graph.layerCount)
  return { capacity, address, scores: parts.arena.allocate((capacity + 16) * 12 * parts.members) }
}

/** Moves the first `length` positions into a larger cache and releases the old one. */
export function growCache(parts: EngineParts, old: KeyValueCache, capacity: number, length: number): KeyValueCache {
  const cache = allocateCache(parts, capacity)
  copyPositions(parts, old, cache, length)
  releaseCache(parts, old)
  return cache
}

/** Copies the first `length` positions, for which both have room; those after them in `to` are then without meaning. */
export function copyPositions(
  { graph, arena }: EngineParts,
  from: KeyValueCache,
  to: KeyValueCache,
  length: number,
): void {
  // Both layouts keep the positions of a head together, so one copy per head moves either.
  const usedBytes = Math.ceil(length / 4) * 4 * graph.headSize * 4
  const [fromHeadBytes, toHeadBytes] = [from.capacity * graph.headSize * 4, to.capacity * graph.headSize * 4]
  for (let head = 0; head < graph.layerCount * 2 * graph.keyHeadCount; head++) {
    arena
      .bytes(to.address + head * toHeadBytes, usedBytes)
      .set(arena.bytes(from.address + head * fromHeadBytes, usedBytes))
  }
}

export function releaseCache({ arena }: EngineParts, cache: KeyValueCache): void {
  arena.release(cache.address)
  arena.release(cache.scores)
}

function layerBytes({ graph }: EngineParts, capacity: number): number {
  return graph.keyHeadCount * graph.headSize * capacity * 4
}
