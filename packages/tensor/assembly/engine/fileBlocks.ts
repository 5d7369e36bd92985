// Blocks of quantised types as a GGUF file has them (spec/tensor.md §2.2, §2.3): of 32 columns the scales, the minima, and the
// integers, four to a word. Types have GGUF's numbers: 2 Q4_0, 3 Q4_1, 6 Q5_0, 7 Q5_1, 8 Q8_0, 10–14 Q2_K–Q6_K, 20 IQ4_NL, 23 IQ4_XS.
import { halfToFloat } from './half'

/** Bytes of a block in the file. */
export function fileBytes(type: i32): i32 {
  if (type == 2 || type == 20) return 18
  if (type == 3) return 20
  if (type == 6) return 22
  if (type == 7) return 24
  if (type == 8) return 34
  if (type == 10) return 84
  if (type == 11) return 110
  if (type == 12) return 144
  if (type == 13) return 176
  return type == 14 ? 210 : 136
}

/** Parts of 32 columns in a block of the file. */
export function partsOf(type: i32): i32 {
  return (type >= 10 && type <= 14) || type == 23 ? 8 : 1
}

/** The kind of packed matrix that a type becomes (`layout.ts`). */
export function kindOf(type: i32): i32 {
  if (type == 2) return 2
  if (type == 3 || type == 12) return 3
  if (type == 7 || type == 13) return 4
  if (type == 11 || type == 14) return 5
  return type == 10 ? 6 : 1
}

// @ts-ignore: decorator
@inline
function halfAt(at: usize): f32 {
  return halfToFloat(load<u16>(at))
}

/** Scale of columns 0–15 (`half` 0) or 16–31 of a part; not finite where the file's is not. */
export function scaleOf(type: i32, block: usize, part: i32, half: i32): f32 {
  if (type < 10) return halfAt(block)
  if (type == 12 || type == 13) return halfAt(block) * <f32>sixBits(block, part, 0)
  if (type == 14) return halfAt(block + 208) * <f32>load<i8>(block + <usize>(192 + 2 * part + half))
  if (type == 10) return halfAt(block + 80) * <f32>(load<u8>(block + <usize>(2 * part + half)) & 15)
  if (type == 11) return halfAt(block + 108) * <f32>(thirdScale(block, 2 * part + half) - 32)
  if (type == 23) {
    const low = (<i32>load<u8>(block + 4 + <usize>(part >> 1)) >> ((part & 1) << 2)) & 15
    const high = (<i32>load<u16>(block, 2) >> (part << 1)) & 3
    return halfAt(block) * <f32>(low + (high << 4) - 32)
  }
  return halfAt(block)
}

/** What is added to the products of columns with their scale, of types that have it. */
export function minimumOf(type: i32, block: usize, part: i32, half: i32): f32 {
  if (type < 10) return halfAt(block + 2)
  if (type == 12 || type == 13) return -(halfAt(block + 2) * <f32>sixBits(block, part, 4))
  return -(halfAt(block + 82) * <f32>(load<u8>(block + <usize>(2 * part + half)) >> 4))
}

/** Q4_K and Q5_K: the scale (`which` 0) or the minimum (4) of a part. */
function sixBits(block: usize, part: i32, which: i32): i32 {
  const at = block + <usize>(4 + (part & 3))
  const own = <i32>load<u8>(at + <usize>which)
  return part < 4 ? own & 63 : ((<i32>load<u8>(at, 8) >> which) & 15) + ((own >> 6) << 4)
}

function thirdScale(block: usize, sixteen: i32): i32 {
  const low = (<i32>load<u8>(block + <usize>(96 + (sixteen & 7))) >> (sixteen < 8 ? 0 : 4)) & 15
  return low + (((<i32>load<u8>(block + <usize>(104 + (sixteen & 3))) >> ((sixteen >> 2) << 1)) & 3) << 4)
}

/** Columns 4·quad to 4·quad + 3 of a part, a byte each; of other types than Q4_0 and Q4_1, whose nibbles lie in the file as here. */
export function quadOf(type: i32, block: usize, part: i32, quad: i32): u32 {
  if (type == 8) return load<u32>(block + 2 + <usize>(quad << 2))
  if (type == 12) return nibblesOfPart(block + 16, part, quad)
  if (type == 6) return less(nibbles(block + 6, quad) | fifthBits(load<u32>(block, 2), quad), 16)
  if (type == 14) {
    const at = block + <usize>(((part >> 2) << 6) + ((part & 1) << 5) + (quad << 2))
    const low = (load<u32>(at) >> ((part & 2) << 1)) & 0x0f0f0f0f
    return less(low | (twoBits(block + 128, part, quad) << 4), 32)
  }
  if (type == 13) return nibblesOfPart(block + 48, part, quad) | (oneBit(block + 16, part, quad) << 4)
  if (type == 7) return nibbles(block + 8, quad) | fifthBits(load<u32>(block, 4), quad)
  if (type == 11) return less(twoBits(block + 32, part, quad) | (oneBit(block, part, quad) << 2), 4)
  if (type == 10) return twoBits(block + 16, part, quad)
  return steps(nibbles(block + (type == 20 ? 2 : 8 + <usize>(part << 4)), quad))
}

/** Of 16 bytes with two columns each, 16 apart. */
// @ts-ignore: decorator
@inline
function nibbles(at: usize, quad: i32): u32 {
  return (load<u32>(at + <usize>((quad & 3) << 2)) >> (quad & 4)) & 0x0f0f0f0f
}

/** Of 32 bytes a two parts with two columns each, 32 apart. */
// @ts-ignore: decorator
@inline
function nibblesOfPart(at: usize, part: i32, quad: i32): u32 {
  return (load<u32>(at + <usize>(((part >> 1) << 5) + (quad << 2))) >> ((part & 1) << 2)) & 0x0f0f0f0f
}

/** Of 32 bytes a four parts with four columns each, 32 apart. */
// @ts-ignore: decorator
@inline
function twoBits(at: usize, part: i32, quad: i32): u32 {
  return (load<u32>(at + <usize>(((part >> 2) << 5) + (quad << 2))) >> ((part & 3) << 1)) & 0x03030303
}

/** Of 32 bytes with a bit for each part. */
// @ts-ignore: decorator
@inline
function oneBit(at: usize, part: i32, quad: i32): u32 {
  return (load<u32>(at + <usize>(quad << 2)) >> part) & 0x01010101
}

/** Four of 32 bits, to bit 4 of the four bytes. */
// @ts-ignore: decorator
@inline
function fifthBits(bits: u32, quad: i32): u32 {
  return ((((bits >> (quad << 2)) & 15) * 0x00204081) & 0x01010101) << 4
}

/** Takes `by` from each of four bytes below 128, modulo 256. */
// @ts-ignore: decorator
@inline
function less(bytes: u32, by: u32): u32 {
  return ((bytes | 0x80808080) - by * 0x01010101) ^ 0x80808080
}

/** The steps of IQ4_NL and IQ4_XS: −127 −104 −83 −65 −49 −35 −22 −10 1 13 25 38 53 69 89 113. */
function steps(numbers: u32): u32 {
  return step(numbers & 15) | (step((numbers >> 8) & 15) << 8) | (step((numbers >> 16) & 15) << 16) | (step(numbers >> 24) << 24)
}

// @ts-ignore: decorator
@inline
function step(number: u32): u32 {
  const eight: u64 = number < 8 ? 0xf6eaddcfbfad9881 : 0x7159453526190d01
  return <u32>((eight >> <u64>((number & 7) << 3)) & 255)
}
