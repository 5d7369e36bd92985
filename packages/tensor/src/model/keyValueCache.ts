/**
 * A session's keys and values: per layer all keys, then all values; of each key head, keys as [positions/4][size][4], values as
 * [positions][size], f32. `assembly/engine/attention.ts` reads and writes it.
 */
import type { EngineParts } from './loadModel.ts'

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
  const { graph, arena } = parts
  const cache = allocateCache(parts, capacity)
  // Both layouts keep the positions of a head together, so one copy per head moves either.
  const usedBytes = Math.ceil(length / 4) * 4 * graph.headSize * 4
  const [oldHeadBytes, headBytes] = [old.capacity * graph.headSize * 4, capacity * graph.headSize * 4]
  for (let head = 0; head < graph.layerCount * 2 * graph.keyHeadCount; head++) {
    arena
      .bytes(cache.address + head * headBytes, usedBytes)
      .set(arena.bytes(old.address + head * oldHeadBytes, usedBytes))
  }
  releaseCache(parts, old)
  return cache
}

export function releaseCache({ arena }: EngineParts, cache: KeyValueCache): void {
  arena.release(cache.address)
  arena.release(cache.scores)
}

function layerBytes({ graph }: EngineParts, capacity: number): number {
  return graph.keyHeadCount * graph.headSize * capacity * 4
}
