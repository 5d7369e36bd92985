/** The values of a block of a k-quant, one at a time, from the file's bytes. Spec: spec/tensor.md §2.3 */
import type { KQuant } from './tensorTypes.ts'
import { widenHalf } from './widenHalf.ts'

const f = Math.fround

/** Values in a block. */
export const kQuantValues = 256

/** @param bytes - one block as in the file */
export function readKQuant(type: KQuant, bytes: Uint8Array): Float32Array {
  const half = (at: number) => widenHalf(bytes[at]! | (bytes[at + 1]! << 8))
  return Float32Array.from({ length: kQuantValues }, readers[type](bytes, half))
}

/** Gives the value of element `i`. */
type Reader = (bytes: Uint8Array, half: (at: number) => number) => (_: unknown, i: number) => number

const readers: Record<KQuant, Reader> = {
  Q2_K: (b, half) => (_, i) => {
    const both = b[i >> 4]!
    const scale = f(half(80) * (both & 15))
    return f(f(scale * twoBits(b, 16, i)) - f(half(82) * (both >> 4)))
  },
  Q3_K: (b, half) => (_, i) => {
    const part = i >> 4
    const low = b[96 + (part & 7)]! >> (part < 8 ? 0 : 4)
    const high = b[104 + (part & 3)]! >> ((part >> 2) * 2)
    const scale = f(half(108) * ((low & 15) + 16 * (high & 3) - 32))
    const third = (b[i & 31]! >> (i >> 5)) & 1
    return f(scale * (twoBits(b, 32, i) + 4 * third - 4))
  },
  Q4_K: (b, half) => (_, i) => withMinimum(b, half, i, fourBits(b, 16, i)),
  Q5_K: (b, half) => (_, i) => withMinimum(b, half, i, fourBits(b, 48, i) + 16 * ((b[16 + (i & 31)]! >> (i >> 5)) & 1)),
  Q6_K: (b, half) => (_, i) => {
    const scale = f(half(208) * ((b[192 + (i >> 4)]! << 24) >> 24))
    const nibbles = b[(i >> 7) * 64 + (i & 63)]!
    const low = i & 64 ? nibbles >> 4 : nibbles & 15
    return f(scale * (low + 16 * twoBits(b, 128, i) - 32))
  },
}

/** Element `i` of 64 bytes with four elements each: bytes 32 apart are 128 elements, two bits of a byte 32. */
function twoBits(b: Uint8Array, from: number, i: number): number {
  return (b[from + (i >> 7) * 32 + (i & 31)]! >> (((i >> 5) & 3) * 2)) & 3
}

/** Element `i` of 128 bytes with two elements each, 32 apart. */
function fourBits(b: Uint8Array, from: number, i: number): number {
  const byte = b[from + (i >> 6) * 32 + (i & 31)]!
  return i & 32 ? byte >> 4 : byte & 15
}

/** Q4_K and Q5_K: bytes 4 to 15 have a scale and a minimum, six bits each, for every 32 elements. */
function withMinimum(b: Uint8Array, half: (at: number) => number, i: number, q: number): number {
  const part = i >> 5
  const at = 4 + (part & 3)
  const [s, m, high] = [b[at]!, b[at + 4]!, b[at + 8]!]
  const scale = part < 4 ? s & 63 : (high & 15) + 16 * (s >> 6)
  const minimum = part < 4 ? m & 63 : (high >> 4) + 16 * (m >> 6)
  return f(f(f(half(0) * scale) * q) - f(half(2) * minimum))
}
