/**
 * Loads the coder kernel (relaxed SIMD where the engine has it) and lends its memory. Nothing here yields, so one memory
 * serves all. Its size is bounded: 4 MiB of rows, 8 MiB of factors, and 128 bytes for each point of the largest code used.
 */
import { type CoderEngine, coderEngine } from './coderEngine.ts'
import { fieldModulus, multiplyByLog } from './field.ts'
import { wasmBase64 as simd } from './kernels/coder.generated.ts'
import { wasmBase64 as relaxedSimd } from './kernels/coderRelaxed.generated.ts'
import { skewFactors } from './skewFactors.ts'

export type CoderExports = {
  encode(
    work: number,
    stride: number,
    span: number,
    tile: number,
    dataRows: number,
    parityRows: number,
    width: number,
    skew: number,
  ): void
  decode(work: number, stride: number, span: number, tile: number, width: number, end: number, skew: number): void
  multiplyAdd(target: number, source: number, length: number, table: number): void
  scale(row: number, length: number, table: number): void
  combine(state: number, source: number, count: number, factors: number): void
}

export type CoderKernel = {
  calls: CoderExports
  /** The whole memory; ask anew after `skewAt`, which may grow it. */
  bytes(): Uint8Array
  /** Address of the skew factors' tables, of which at least `count` are there. */
  skewAt(count: number): number
  /** Writes the table of the factor with logarithm `log` (`fieldModulus`: zero) at the address. */
  writeFactor(at: number, log: number): void
}

/** Bytes of the tables of one factor. */
export const factorBytes = 128
export const workAt = 65_536
export const workBytes = 4 * 1024 * 1024
export const factorsAt = workAt + workBytes
const factorsBytes = 65_536 * factorBytes
const skewStart = factorsAt + factorsBytes
const pageBytes = 65_536

/** What codes: the kernel, which can do everything, and the faster engine where the environment has one. */
export type Coder = { kernel: CoderKernel; engine: CoderEngine | undefined }

export function currentCoder(): Coder {
  loaded ??= createCoderKernel(WebAssembly.validate(decode(relaxedSimd)) ? 'relaxed' : 'plain')
  return { kernel: loaded, engine: coderEngine() }
}
let loaded: CoderKernel | undefined

export function createCoderKernel(kind: 'plain' | 'relaxed'): CoderKernel {
  const memory = new WebAssembly.Memory({ initial: skewStart / pageBytes })
  const module = new WebAssembly.Module(decode(kind === 'relaxed' ? relaxedSimd : simd))
  const calls = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as CoderExports
  let bytes = new Uint8Array(memory.buffer)
  let skewCount = 0
  const writeFactor = (at: number, log: number) => {
    bytes.fill(0, at, at + factorBytes)
    if (log === fieldModulus) return
    for (let nibble = 0; nibble < 4; nibble++) {
      for (let bit = 0; bit < 4; bit++) {
        const product = multiplyByLog(1 << (4 * nibble + bit), log)
        const first = at + 16 * nibble
        const width = 1 << bit
        for (let value = 0; value < width; value++) {
          bytes[first + width + value] = bytes[first + value]! ^ (product & 255)
          bytes[first + 64 + width + value] = bytes[first + 64 + value]! ^ (product >> 8)
        }
      }
    }
  }
  const skewAt = (count: number) => {
    if (count <= skewCount) return skewStart
    const missing = skewStart + factorBytes * count - bytes.length
    if (missing > 0) memory.grow(Math.ceil(missing / pageBytes))
    bytes = new Uint8Array(memory.buffer)
    const skew = skewFactors()
    for (let i = skewCount; i < Math.min(count, skew.length); i++) writeFactor(skewStart + factorBytes * i, skew[i]!)
    skewCount = count
    return skewStart
  }
  return { calls, bytes: () => bytes, skewAt, writeFactor }
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}
