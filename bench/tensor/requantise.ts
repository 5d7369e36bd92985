/** The same model in other encodings, as a provider that saves memory would run it: from a GGUF of Q4_1 to Q4_0, Q8_0, or coarser. */
import {
  bytesSource,
  type GgufValue,
  readGguf,
  type WritableTensor,
  type WritableValue,
  writeGguf,
} from '@weightless/tensor'

export type Change = 'Q4_0' | 'Q8_0' | '3 bits' | 'noise 1 %'

const values = 32

export async function requantise(file: Uint8Array, change: Change): Promise<Uint8Array> {
  const gguf = await readGguf(bytesSource(file))
  const draw = drawsFrom(7)
  const tensors = [...gguf.tensors.values()].map(({ name, type, shape, offset, sizeBytes }): WritableTensor => {
    const bytes = file.slice(offset, offset + sizeBytes)
    if (type !== 'Q4_1') return { name, type, shape, bytes }
    const blocks = bytes.length / 20
    const [outType, blockBytes] =
      change === 'Q8_0'
        ? (['Q8_0', 34] as const)
        : change === 'Q4_0'
          ? (['Q4_0', 18] as const)
          : (['Q4_1', 20] as const)
    const out = new Uint8Array(blocks * blockBytes)
    for (let block = 0; block < blocks; block++) {
      const numbers = decode(bytes.subarray(block * 20, block * 20 + 20))
      const target = out.subarray(block * blockBytes, (block + 1) * blockBytes)
      if (change === 'Q8_0') encodeQ8(numbers, target)
      else if (change === 'Q4_0') encodeQ4(numbers, target)
      else if (change === '3 bits') encodeQ41(numbers, target, 7)
      else
        encodeQ41(
          numbers.map((x) => x * (1 + 0.01 * normal(draw))),
          target,
          15,
        )
    }
    return { name, type: outType, shape, bytes: out }
  })
  return fixFloats(writeGguf(metadataOf(gguf.metadata), tensors))
}

function metadataOf(metadata: ReadonlyMap<string, GgufValue>): Record<string, WritableValue> {
  const plain = (value: GgufValue): WritableValue => {
    if (typeof value === 'bigint') return Number(value)
    return (value instanceof Float64Array ? [...value] : value) as WritableValue
  }
  return Object.fromEntries([...metadata].map(([key, value]) => [key, plain(value)]))
}

/** A whole number is written as an integer, which llama.cpp does not take for a frequency. */
function fixFloats(bytes: Uint8Array): Uint8Array {
  const key = Buffer.from('llama.rope.freq_base')
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, 65_536).indexOf(key)
  if (at < 0) throw new Error('no frequency of the rope in the first bytes')
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const place = at + key.length
  if (view.getUint32(place, true) === 4) {
    view.setUint32(place, 6, true)
    view.setFloat32(place + 4, view.getUint32(place + 4, true), true)
  }
  return bytes
}

function decode(block: Uint8Array): number[] {
  const [scale, least] = [half(block, 0), half(block, 2)]
  const low = Array.from({ length: 16 }, (_, i) => scale * (block[4 + i]! & 15) + least)
  return [...low, ...Array.from({ length: 16 }, (_, i) => scale * (block[4 + i]! >> 4) + least)]
}

/** @param steps - 15 for 4 bits */
function encodeQ41(numbers: readonly number[], out: Uint8Array, steps: number): void {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
  const scale = (most - least) / steps
  setHalf(out, 0, scale)
  setHalf(out, 2, least)
  const level = (i: number) => Math.max(0, Math.min(steps, scale === 0 ? 0 : Math.round((numbers[i]! - least) / scale)))
  for (let i = 0; i < 16; i++) out[4 + i] = level(i) | (level(i + 16) << 4)
}

function encodeQ4(numbers: readonly number[], out: Uint8Array): void {
  const most = numbers.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0)
  const scale = most / -8
  setHalf(out, 0, scale)
  const level = (i: number) => Math.max(0, Math.min(15, scale === 0 ? 8 : Math.round(numbers[i]! / scale) + 8))
  for (let i = 0; i < 16; i++) out[2 + i] = level(i) | (level(i + 16) << 4)
}

function encodeQ8(numbers: readonly number[], out: Uint8Array): void {
  const scale = Math.max(...numbers.map(Math.abs)) / 127
  setHalf(out, 0, scale)
  for (let i = 0; i < values; i++) out[2 + i] = (scale === 0 ? 0 : Math.round(numbers[i]! / scale)) & 0xff
}

function half(bytes: Uint8Array, at: number): number {
  const bits = bytes[at]! | (bytes[at + 1]! << 8)
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023]
  const amount = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15)
  return bits & 0x8000 ? -amount : amount
}

/** Rounded down to 11 bits at worst; what is too small becomes 0. */
function setHalf(bytes: Uint8Array, at: number, value: number): void {
  const amount = Math.abs(value)
  const sign = value < 0 ? 0x8000 : 0
  const exponent = Math.max(-14, Math.floor(Math.log2(amount || 1e-30)))
  const step = 2 ** (exponent - 10)
  const units = Math.round(amount / step)
  const bits = exponent === -14 ? units : ((exponent + 15) << 10) + (units - 1024)
  bytes[at] = (bits | sign) & 0xff
  bytes[at + 1] = (bits | sign) >> 8
}

function drawsFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state + 1) / 2 ** 32
  }
}

const normal = (draw: () => number): number => Math.sqrt(-2 * Math.log(draw())) * Math.cos(2 * Math.PI * draw())
