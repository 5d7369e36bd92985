/** Blocks of quantised types one number at a time, from the file's bytes: scales, minima, integers. Spec: spec/tensor.md §2.2, §2.3 */
import type { BlockType } from './tensorTypes.ts'
import { widenHalf } from './widenHalf.ts'

const f = Math.fround

/** 32 columns of a row. */
export type WeightBlock = {
  /** f32: one of all columns, or of columns 0–15 and of 16–31. */
  scales: readonly number[]
  /** f32, one to each scale, added to what is multiplied with it; of types without there are none. */
  minima: readonly number[]
  /** -128 to 127. */
  integers: Int8Array
}

/**
 * @param bytes - one block as in the file
 * @param part - which 32 of its columns
 */
export function readBlock(type: BlockType, bytes: Uint8Array, part: number): WeightBlock {
  const { scales, minima, integer } = readers[type](bytes, part)
  return { scales, minima: minima ?? [], integers: Int8Array.from({ length: 32 }, (_, i) => integer(i)) }
}

/** The f32 values that a block stands for. */
export function widenBlock({ scales, minima, integers }: WeightBlock): Float32Array {
  return Float32Array.from(integers, (integer, i) => {
    const half = scales.length > 1 ? i >> 4 : 0
    const value = f(scales[half]! * integer)
    return minima.length > 0 ? f(value + minima[half]!) : value
  })
}

type Parts = { scales: number[]; minima?: number[]; integer: (i: number) => number }
type Reader = (bytes: Uint8Array, part: number) => Parts

const readers: Record<BlockType, Reader> = {
  Q4_0: (b) => ({ scales: [half(b, 0)], integer: (i) => nibble(b, 2, i) - 8 }),
  Q4_1: (b) => ({ scales: [half(b, 0)], minima: [half(b, 2)], integer: (i) => nibble(b, 4, i) }),
  Q5_0: (b) => ({ scales: [half(b, 0)], integer: (i) => nibble(b, 6, i) + 16 * bitOf(b, 2, i) - 16 }),
  Q5_1: (b) => ({
    scales: [half(b, 0)],
    minima: [half(b, 2)],
    integer: (i) => nibble(b, 8, i) + 16 * bitOf(b, 4, i),
  }),
  Q8_0: (b) => ({ scales: [half(b, 0)], integer: (i) => signed(b[2 + i]!) }),
  IQ4_NL: (b) => ({ scales: [half(b, 0)], integer: (i) => steps[nibble(b, 2, i)]! }),
  IQ4_XS: (b, part) => {
    const low = (b[4 + (part >> 1)]! >> ((part & 1) * 4)) & 15
    const high = ((b[2]! | (b[3]! << 8)) >> (part * 2)) & 3
    return { scales: [half(b, 0) * (low + 16 * high - 32)], integer: (i) => steps[nibble(b, 8 + 16 * part, i)]! }
  },
  Q2_K: (b, part) => ({
    scales: halves(part, (p) => half(b, 80) * (b[p]! & 15)),
    minima: halves(part, (p) => -(half(b, 82) * (b[p]! >> 4))),
    integer: (i) => twoBits(b, 16, part, i),
  }),
  Q3_K: (b, part) => ({
    scales: halves(part, (p) => {
      const low = (b[96 + (p & 7)]! >> (p < 8 ? 0 : 4)) & 15
      const high = (b[104 + (p & 3)]! >> ((p >> 2) * 2)) & 3
      return half(b, 108) * (low + 16 * high - 32)
    }),
    integer: (i) => twoBits(b, 32, part, i) + 4 * ((b[i]! >> part) & 1) - 4,
  }),
  Q4_K: (b, part) => ({ ...withMinimum(b, part), integer: (i) => nibbleOfPart(b, 16, part, i) }),
  Q5_K: (b, part) => ({
    ...withMinimum(b, part),
    integer: (i) => nibbleOfPart(b, 48, part, i) + 16 * ((b[16 + i]! >> part) & 1),
  }),
  Q6_K: (b, part) => ({
    scales: halves(part, (p) => half(b, 208) * signed(b[192 + p]!)),
    integer: (i) => {
      const byte = b[(part >> 2) * 64 + (part & 1) * 32 + i]!
      return (part & 2 ? byte >> 4 : byte & 15) + 16 * twoBits(b, 128, part, i) - 32
    },
  }),
}

/** What the nibbles of IQ4_NL and IQ4_XS stand for. */
const steps = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

function half(b: Uint8Array, at: number): number {
  return widenHalf(b[at]! | (b[at + 1]! << 8))
}

function signed(byte: number): number {
  return (byte << 24) >> 24
}

/** Of each half of a part its number among the sixteens of a block. */
function halves(part: number, read: (sixteen: number) => number): number[] {
  return [read(2 * part), read(2 * part + 1)]
}

/** Of 16 bytes with two columns each, 16 apart. */
function nibble(b: Uint8Array, from: number, i: number): number {
  const byte = b[from + (i & 15)]!
  return i < 16 ? byte & 15 : byte >> 4
}

function bitOf(b: Uint8Array, from: number, i: number): number {
  return (b[from + (i >> 3)]! >> (i & 7)) & 1
}

/** Of 32 bytes for four parts, two bits each. */
function twoBits(b: Uint8Array, from: number, part: number, i: number): number {
  return (b[from + (part >> 2) * 32 + i]! >> ((part & 3) * 2)) & 3
}

/** Of 32 bytes for two parts, four bits each. */
function nibbleOfPart(b: Uint8Array, from: number, part: number, i: number): number {
  const byte = b[from + (part >> 1) * 32 + i]!
  return part & 1 ? byte >> 4 : byte & 15
}

/** Q4_K and Q5_K: bytes 4 to 15 have a scale and a minimum, six bits each, for every part. */
function withMinimum(b: Uint8Array, part: number): { scales: number[]; minima: number[] } {
  const at = 4 + (part & 3)
  const [s, m, high] = [b[at]!, b[at + 4]!, b[at + 8]!]
  const scale = part < 4 ? s & 63 : (high & 15) + 16 * (s >> 6)
  const minimum = part < 4 ? m & 63 : (high >> 4) + 16 * (m >> 6)
  return { scales: [half(b, 0) * scale], minima: [-(half(b, 2) * minimum)] }
}
