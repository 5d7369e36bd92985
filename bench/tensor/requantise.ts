/** The same model in other encodings, as a provider that saves memory would run it, or with weights that are off: of a GGUF in Q4_1 or Q8_0. */
import {
  bytesSource,
  type GgufValue,
  readGguf,
  type WritableTensor,
  type WritableValue,
  writeGguf,
} from '@weightless/tensor'

export type Change = {
  /** Encoding of what is written; default: the file's own. */
  type?: 'Q4_0' | 'Q4_1' | 'Q8_0'
  /** Steps of a block of Q4_1; 15 are its four bits. */
  levels?: number
  /** Standard deviation of what each weight is multiplied by, around 1. */
  noise?: number
  /** Only matrices of this layer. */
  layer?: number
}

const values = 32
const blockBytes = { Q4_0: 18, Q4_1: 20, Q8_0: 34 } as const
type BlockType = keyof typeof blockBytes

/** Undefined where the change leaves all as it is. */
export async function requantise(file: Uint8Array, change: Change): Promise<Uint8Array | undefined> {
  const gguf = await readGguf(bytesSource(file))
  const draw = drawsFrom(7)
  let isChanged = false
  const tensors = [...gguf.tensors.values()].map(({ name, type, shape, offset, sizeBytes }): WritableTensor => {
    const bytes = file.slice(offset, offset + sizeBytes)
    const isMeant = change.layer === undefined || name.startsWith(`blk.${change.layer}.`)
    if (!isMeant || (type !== 'Q4_1' && type !== 'Q8_0')) return { name, type, shape, bytes }
    const outType = change.type ?? type
    if (outType !== type || change.noise !== undefined || change.levels !== undefined) isChanged = true
    const out = encodeBlocks(bytes, { type, outType, change, draw })
    return { name, type: outType, shape, bytes: out }
  })
  return isChanged ? writeGguf(metadataOf(gguf.metadata), tensors) : undefined
}

type Work = { type: BlockType; outType: BlockType; change: Change; draw: () => number }

function encodeBlocks(bytes: Uint8Array, { type, outType, change, draw }: Work): Uint8Array {
  const [from, to] = [blockBytes[type], blockBytes[outType]]
  const blocks = bytes.length / from
  const out = new Uint8Array(blocks * to)
  for (let block = 0; block < blocks; block++) {
    const exact = decode(bytes.subarray(block * from, (block + 1) * from), type)
    const { noise } = change
    const numbers = noise === undefined ? exact : exact.map((x) => x * (1 + noise * normal(draw)))
    const target = out.subarray(block * to, (block + 1) * to)
    if (outType === 'Q8_0') encodeQ8(numbers, target)
    else if (outType === 'Q4_0') encodeQ4(numbers, target)
    else encodeQ41(numbers, target, change.levels ?? 15)
  }
  return out
}

/** A whole number would be written as an integer, which llama.cpp does not take for a frequency. */
const floats = ['llama.rope.freq_base']

function metadataOf(metadata: ReadonlyMap<string, GgufValue>): Record<string, WritableValue> {
  const plain = (key: string, value: GgufValue): WritableValue => {
    if (typeof value === 'bigint') return Number(value)
    if (typeof value === 'number' && floats.includes(key)) return { f32: value }
    return (value instanceof Float64Array ? [...value] : value) as WritableValue
  }
  return Object.fromEntries([...metadata].map(([key, value]) => [key, plain(key, value)]))
}

function decode(block: Uint8Array, type: BlockType): number[] {
  if (type === 'Q8_0') return Array.from({ length: values }, (_, i) => half(block, 0) * ((block[2 + i]! << 24) >> 24))
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
