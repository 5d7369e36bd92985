/**
 * Keccak-256 on the two-way SIMD kernel (`assembly/keccak.ts`): of one message, and in bulk for trees, where the cost per
 * call decides the speed. Nothing here yields, so the one memory is safe.
 */
import type { KeccakEngine } from './keccakPort.ts'
import { wasmBase64 } from './kernels/keccak.generated.ts'

export const sectorBytes = 256
/** One segment: the most that is hashed at once. */
const sectorsMax = 1024
const inputBytes = sectorsMax * sectorBytes
const pairsPerCall = 512
const inputAt = 65_536
const outputAt = inputAt + inputBytes
const outputBytes = 32 * 1024
const rateBytes = 136

const memory = new WebAssembly.Memory({ initial: (outputAt + outputBytes) / 65_536 + 1 })
// Compiled at once on purpose: the module has a few kB, and hashing has to be callable synchronously everywhere.
const wasm = Uint8Array.from(atob(wasmBase64), (character) => character.charCodeAt(0))
const kernel = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } }).exports as unknown as {
  hashSectors(input: number, count: number, output: number): void
  hashPairs(input: number, count: number, output: number): void
  clear(): void
  absorbBlocks(input: number, count: number): void
  finish(input: number, output: number): void
}
const input = new Uint8Array(memory.buffer, inputAt, inputBytes)
const output = new Uint8Array(memory.buffer, outputAt, outputBytes)

/** Keccak-256 (Ethereum's, not SHA-3) of a message of any length. */
export function keccak256(message: Uint8Array): Uint8Array {
  kernel.clear()
  const wholeBytes = message.length - (message.length % rateBytes)
  const chunkBytes = inputBytes - (inputBytes % rateBytes)
  for (let at = 0; at < wholeBytes; at += chunkBytes) {
    const length = Math.min(chunkBytes, wholeBytes - at)
    input.set(message.subarray(at, at + length))
    kernel.absorbBlocks(inputAt, length / rateBytes)
  }
  const rest = message.length - wholeBytes
  input.fill(0, rest, rateBytes)
  input.set(message.subarray(wholeBytes))
  input[rest] = 0x01
  input[rateBytes - 1]! |= 0x80
  kernel.finish(inputAt, outputAt)
  return output.slice(0, 32)
}

/** Keccak-256 of `left || right`, 32 bytes each: the inner node of every tree. */
export function hashPair(left: Uint8Array, right: Uint8Array): Uint8Array {
  input.set(left, 0)
  input.set(right, 32)
  kernel.hashPairs(inputAt, 1, outputAt)
  return output.slice(0, 32)
}

/** The kernel behind the bulk port: see `KeccakEngine`. */
export const wasmKeccak: KeccakEngine = {
  sectorTrees(data, sectors, target) {
    input.set(data)
    if (data.length < sectors * sectorBytes) input.fill(0, data.length, sectors * sectorBytes)
    kernel.hashSectors(inputAt, sectors, outputAt)
    let first = 0
    let at = 0
    for (let width = sectorsMax; width > 0; width >>= 1) {
      if ((sectors & width) === 0) continue
      const leaves = outputAt + 32 * first
      for (let level = width; level > 1; level >>= 1) kernel.hashPairs(leaves, level >> 1, leaves)
      target.set(output.subarray(32 * first, 32 * first + 32), at)
      first += width
      at += 32
    }
  },
  hashPairs(hashes, pairs, target) {
    for (let done = 0; done < pairs; done += pairsPerCall) {
      const count = Math.min(pairsPerCall, pairs - done)
      input.set(hashes.subarray(64 * done, 64 * (done + count)))
      kernel.hashPairs(inputAt, count, outputAt)
      target.set(output.subarray(0, 32 * count), 32 * done)
    }
  },
}
