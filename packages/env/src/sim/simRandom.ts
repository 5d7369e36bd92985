/** Seeded randomness: xoshiro128** (Blackman and Vigna 2018), seeded by splitmix32. */
import type { Random } from '../env.ts'

export type SimRandom = Random & {
  /** A whole number in [0, below). */
  integer(below: number): number
  /** A real number in [low, high). */
  between(low: number, high: number): number
  chance(probability: number): boolean
  pick<Item>(items: readonly Item[]): Item
  /** An independent stream; the same name and seed give the same stream. */
  fork(name: string): SimRandom
}

export function createSimRandom(seed: number): SimRandom {
  const state = new Uint32Array(4)
  let mix = seed >>> 0
  for (let at = 0; at < 4; at++) {
    mix = (mix + 0x9e3779b9) >>> 0
    let z = mix
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    state[at] = z ^ (z >>> 15)
  }
  const next = (): number => {
    const scrambled = Math.imul(rotate(Math.imul(state[1]!, 5), 7), 9) >>> 0
    const shifted = state[1]! << 9
    state[2]! ^= state[0]!
    state[3]! ^= state[1]!
    state[1]! ^= state[2]!
    state[0]! ^= state[3]!
    state[2]! ^= shifted
    state[3] = rotate(state[3]!, 11)
    return scrambled
  }
  const unit = (): number => next() / 2 ** 32
  return {
    bytes: (count) => Uint8Array.from({ length: count }, () => next() >>> 24),
    integer: (below) => Math.floor(unit() * below),
    between: (low, high) => low + unit() * (high - low),
    chance: (probability) => unit() < probability,
    pick: (items) => items[Math.floor(unit() * items.length)]!,
    fork: (name) => createSimRandom((seed ^ hashName(name)) >>> 0),
  }
}

function rotate(value: number, bits: number): number {
  return ((value << bits) | (value >>> (32 - bits))) >>> 0
}

/** FNV-1a. */
function hashName(name: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
