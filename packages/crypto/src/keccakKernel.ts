/**
 * Loads the two-way SIMD keccak kernel (`assembly/keccak.ts`) and lends its buffers: bulk hashing of sectors and of
 * hash pairs, whose cost per call is what decides the speed of a Merkle tree. Nothing here yields, so the one memory is safe.
 */
import { wasmBase64 } from './kernels/keccak.generated.ts'

export const sectorBytes = 256
/** One segment: the most that `hashSectorsOf` takes at once. */
const inputBytes = 262_144
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

/**
 * Hashes the first `sectors` (at most 1024) sectors of `data`, zeros where it is too short, into the kernel's output
 * buffer, for `reduceHashes`.
 */
export function hashSectorsOf(data: Uint8Array, sectors: number): void {
  input.set(data)
  if (data.length < sectors * sectorBytes) input.fill(0, data.length, sectors * sectorBytes)
  kernel.hashSectors(inputAt, sectors, outputAt)
}

/** Root of the perfect tree over `count` (a power of two) hashes that start at hash `first` of the output buffer. */
export function reduceHashes(first: number, count: number): Uint8Array {
  const at = outputAt + 32 * first
  for (let width = count; width > 1; width >>= 1) kernel.hashPairs(at, width >> 1, at)
  return output.slice(32 * first, 32 * first + 32)
}

/** Hashes `count` (at most 512) neighbouring pairs of the hashes laid end to end in `hashes`. */
export function hashPairsOf(hashes: Uint8Array, count: number): Uint8Array {
  input.set(hashes)
  kernel.hashPairs(inputAt, count, outputAt)
  return output.slice(0, 32 * count)
}
