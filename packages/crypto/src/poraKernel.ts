/**
 * Loads the PoRA kernel (`assembly/pora.ts`) and lends its buffers. Nothing here yields, so the one memory is safe; a
 * worker thread has a memory of its own.
 */
import { wasmBase64 } from './kernels/pora.generated.ts'

export const sealBytes = 4096
const loadBytes = 262_144
const dataAt = 65_536
const padAt = dataAt + loadBytes
const padBytes = 16_384
const seedAt = padAt + padBytes
const headAt = seedAt + 64
const outputAt = headAt + 128
const outputBytes = 64 * 32

const memory = new WebAssembly.Memory({ initial: Math.ceil((outputAt + outputBytes) / 65_536) })
// Compiled at once on purpose: a few kB, and callable synchronously everywhere.
const wasm = Uint8Array.from(atob(wasmBase64), (character) => character.charCodeAt(0))
const kernel = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } }).exports as unknown as {
  seal(head: number, data: number): void
  unseal(head: number, data: number): void
  fillPad(seed: number, pad: number, output: number): void
  hashBlock(input: number, output: number): void
  qualities(seed: number, data: number, pad: number, low: number, high: number, output: number): void
}
const buffer = memory.buffer
const data = new Uint8Array(buffer, dataAt, loadBytes)
const pad = new Uint8Array(buffer, padAt, padBytes)
const seed = new Uint8Array(buffer, seedAt, 64)
const head = new Uint8Array(buffer, headAt, 128)
const output = new Uint8Array(buffer, outputAt, outputBytes)

/** Seals (or unseals) 4,096 bytes in place. @param header miner id, context digest, first sector: 96 bytes */
export function runSeal(header: Uint8Array, bytes: Uint8Array, isUnsealing: boolean): void {
  head.set(header)
  data.set(bytes)
  if (isUnsealing) kernel.unseal(headAt, dataAt)
  else kernel.seal(headAt, dataAt)
  bytes.set(data.subarray(0, sealBytes))
}

/** BLAKE2b-512 of 128 bytes. */
export function blake2bOfBlock(block: Uint8Array): Uint8Array {
  head.set(block)
  kernel.hashBlock(headAt, outputAt)
  return output.slice(0, 64)
}

/** Grows a pad, which stays in the kernel for `runQualities`. @returns the hash of its last cell */
export function growPad(padSeed: Uint8Array): Uint8Array {
  seed.set(padSeed)
  kernel.fillPad(seedAt, padAt, outputAt)
  return output.slice(0, 32)
}

/** A copy of the pad grown last. */
export function copyPad(): Uint8Array {
  return pad.slice()
}

/** Takes back a pad that `copyPad` gave, with the seed from which it grew. */
export function usePad(padSeed: Uint8Array, copy: Uint8Array): void {
  seed.set(padSeed)
  pad.set(copy)
}

/**
 * Qualities, 32 bytes each, of the seals that `low` (0 to 31) and `high` (32 to 63) name, for the pad grown last; the
 * answer is the kernel's own buffer and holds until its next call.
 */
export function runQualities(sealed: Uint8Array, low: number, high: number): Uint8Array {
  data.set(sealed)
  kernel.qualities(seedAt, dataAt, padAt, low, high, outputAt)
  return output
}
