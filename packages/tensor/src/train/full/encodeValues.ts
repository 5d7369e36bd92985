/** f32 values as a tensor's bytes: as they are, as halves, or in blocks of eight-bit integers, as spec/tensor.md §2.2 reads them. */
import type { ExportType } from './exportType.ts'

const blockValues = 32

/** @param values - for Q8_0 a multiple of 32 */
export function encodeValues(values: Float32Array, type: ExportType): Uint8Array {
  if (type === 'F32') return new Uint8Array(values.slice().buffer)
  if (type === 'F16') return new Uint8Array(Uint16Array.from(values, halfBits).buffer)
  const bytes = new Uint8Array((values.length / blockValues) * (blockValues + 2))
  for (let at = 0, to = 0; at < values.length; at += blockValues, to += blockValues + 2) {
    encodeBlock(values.subarray(at, at + blockValues), bytes.subarray(to, to + blockValues + 2))
  }
  return bytes
}

/** Scale = largest magnitude ÷ 127 as a half; integers by the scale before it was rounded, as ggml does. */
function encodeBlock(values: Float32Array, out: Uint8Array): void {
  const top = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const scale = Math.fround(top / 127)
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
  new DataView(out.buffer, out.byteOffset).setUint16(0, halfBits(scale), true)
  for (const [i, value] of values.entries()) {
    const product = Math.fround(value * inverse)
    out[2 + i] = Math.sign(product) * Math.floor(Math.abs(product) + 0.5)
  }
}

const f32 = new Float32Array(1)
const u32 = new Uint32Array(f32.buffer)

/** The nearest half, ties to even; what is too large becomes infinite. */
export function halfBits(value: number): number {
  f32[0] = value
  const bits = u32[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude >= 0x477ff000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00)
  if (magnitude < 0x38800000) {
    // A subnormal half counts in 2⁻²⁴; adding 0.5 puts that at the last bit of an f32, which rounds as wanted.
    f32[0] = Math.abs(value) + 0.5
    return sign | (u32[0]! - 0x3f000000)
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x38000000) >>> 13)
}
