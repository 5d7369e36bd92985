/**
 * Loads the PoRA kernel (`assembly/pora.ts`) and lends its buffers. Nothing here yields, so the one memory is safe; a
 * worker thread has a memory of its own.
 */
import { wasmBase64 } from './kernels/pora.generated.ts'

/** The keccak chains of mining: what a machine may have wider vectors for. */
export type PoraEngine = {
  /** Seals (or unseals) whole seals in place. `head`: id, digest, first sector of the first one, 96 bytes in all. */
  sealChains(head: Uint8Array, bytes: Uint8Array, isUnsealing: boolean): void
  /** Grows a pad of 16 KiB from each seed of 64 bytes; the hashes of their last cells, 32 bytes each, to `recallSeeds`. */
  growPads(seeds: Uint8Array, pads: Uint8Array, recallSeeds: Uint8Array): void
}

export const sealBytes = 4096
const loadBytes = 262_144
const dataAt = 65_536
const padAt = dataAt + loadBytes
export const padBytes = 16_384
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

/** BLAKE2b-512 of 128 bytes. */
export function blake2bOfBlock(block: Uint8Array): Uint8Array {
  head.set(block)
  kernel.hashBlock(headAt, outputAt)
  return output.slice(0, 64)
}

/**
 * Qualities, 32 bytes each, of the seals that `low` (0 to 31) and `high` (32 to 63) name; the answer is the kernel's own buffer
 * and holds until its next call.
 */
export function runQualities(
  nonce: { seed: Uint8Array; pad: Uint8Array },
  sealed: Uint8Array,
  low: number,
  high: number,
): Uint8Array {
  seed.set(nonce.seed)
  pad.set(nonce.pad)
  data.set(sealed)
  kernel.qualities(seedAt, dataAt, padAt, low, high, outputAt)
  return output
}

/** The engine of `pora.ts` wherever nothing faster was installed. */
export const wasmPora: PoraEngine = {
  sealChains(firstHead, bytes, isUnsealing) {
    const own = firstHead.slice()
    const sector = new DataView(own.buffer, 88)
    for (let at = 0; at < bytes.length; at += sealBytes) {
      head.set(own)
      data.set(bytes.subarray(at, at + sealBytes))
      if (isUnsealing) kernel.unseal(headAt, dataAt)
      else kernel.seal(headAt, dataAt)
      bytes.set(data.subarray(0, sealBytes), at)
      sector.setBigUint64(0, sector.getBigUint64(0) + 16n)
    }
  },
  growPads(seeds, pads, recallSeeds) {
    for (let index = 0; 64 * index < seeds.length; index++) {
      seed.set(seeds.subarray(64 * index, 64 * index + 64))
      kernel.fillPad(seedAt, padAt, outputAt)
      pads.set(pad, padBytes * index)
      recallSeeds.set(output.subarray(0, 32), 32 * index)
    }
  },
}
