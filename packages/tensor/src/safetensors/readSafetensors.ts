/**
 * Reads a safetensors file in memory: a length, a JSON head, then the bytes of all tensors without gaps. Everything is
 * checked before use, because the file may come from anybody. Spec: spec/training.md §2.
 */
import { widenHalf } from '../gguf/widenHalf.ts'
import { SafetensorsInvalidError } from './safetensorsInvalidError.ts'

/** I64 is read over: published models carry tables of positions that nothing needs. */
export type SafetensorsType = 'F32' | 'F16' | 'BF16' | 'I64'

export type SafetensorsTensor = {
  name: string
  type: SafetensorsType
  /** Slowest-changing dimension first, as in the file: [rows, columns]. */
  shape: readonly number[]
  /** A view of the file. */
  bytes: Uint8Array
}

export type Safetensors = {
  metadata: ReadonlyMap<string, string>
  tensors: ReadonlyMap<string, SafetensorsTensor>
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const headBytesMax = 1 << 24
const tensorsMax = 65_536
const typeBytes: ReadonlyMap<string, number> = new Map([
  ['F32', 4],
  ['F16', 2],
  ['BF16', 2],
  ['I64', 8],
])

/** @throws {SafetensorsInvalidError} naming the cause and, where there is one, the tensor */
export function readSafetensors(file: Uint8Array): Safetensors {
  const dataStart = dataStartOf(file)
  const head = parseHead(file.subarray(8, dataStart))
  const data = file.subarray(dataStart)
  const tensors: (SafetensorsTensor & { begin: number })[] = []
  const metadata = new Map<string, string>()
  for (const [name, value] of Object.entries(head)) {
    if (name === '__metadata__') readMetadata(value, metadata)
    else tensors.push(readEntry(name, value, data))
  }
  if (tensors.length > tensorsMax) throw new SafetensorsInvalidError('too many tensors', { value: tensors.length })
  requireCover(tensors, data.length)
  return { metadata, tensors: new Map(tensors.map(({ begin: _, ...tensor }) => [tensor.name, tensor])) }
}

/** Where the head ends and tensors begin. @throws {SafetensorsInvalidError} */
export function dataStartOf(file: Uint8Array): number {
  if (file.length < 8) throw new SafetensorsInvalidError('it is truncated', { value: file.length })
  const headBytes = new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true)
  if (headBytes > BigInt(headBytesMax)) {
    throw new SafetensorsInvalidError('its head is too long', { value: String(headBytes) })
  }
  const dataStart = 8 + Number(headBytes)
  if (dataStart > file.length) throw new SafetensorsInvalidError('it is truncated', { value: file.length })
  return dataStart
}

/** The values of a tensor as f32; halves of both kinds are widened exactly. @throws {SafetensorsInvalidError} integers */
export function tensorFloats(tensor: SafetensorsTensor): Float32Array {
  if (tensor.type === 'I64') throw new SafetensorsInvalidError('a tensor holds integers', { name: tensor.name })
  const view = new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.length)
  const values = new Float32Array(tensor.bytes.length / typeBytes.get(tensor.type)!)
  if (tensor.type === 'F32') {
    for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(i * 4, true)
  } else if (tensor.type === 'F16') {
    for (let i = 0; i < values.length; i++) values[i] = widenHalf(view.getUint16(i * 2, true))
  } else {
    const bits = new Uint32Array(values.buffer)
    for (let i = 0; i < values.length; i++) bits[i] = view.getUint16(i * 2, true) << 16
  }
  return values
}

function parseHead(bytes: Uint8Array): Record<string, unknown> {
  let head: unknown
  try {
    head = JSON.parse(utf8.decode(bytes))
  } catch (cause) {
    throw new SafetensorsInvalidError('its head is not JSON', { value: cause instanceof Error ? cause.message : '' })
  }
  if (!isRecord(head)) throw new SafetensorsInvalidError('its head is not an object')
  return head
}

function readMetadata(value: unknown, into: Map<string, string>): void {
  if (!isRecord(value)) throw new SafetensorsInvalidError('its metadata is not an object')
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw new SafetensorsInvalidError('a metadata value is not a text', { name: key })
    into.set(key, text)
  }
}

function readEntry(name: string, value: unknown, data: Uint8Array): SafetensorsTensor & { begin: number } {
  if (!isRecord(value)) throw new SafetensorsInvalidError('a tensor is not an object', { name })
  const { dtype, shape, data_offsets: offsets } = value
  const width = typeof dtype === 'string' ? typeBytes.get(dtype) : undefined
  if (width === undefined) {
    throw new SafetensorsInvalidError('a tensor is of an unsupported type', { name, value: String(dtype) })
  }
  if (!Array.isArray(shape) || shape.length > 8 || !shape.every((length) => isCount(length))) {
    throw new SafetensorsInvalidError('a tensor has an impossible shape', { name })
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every((offset) => isCount(offset))) {
    throw new SafetensorsInvalidError('a tensor has impossible offsets', { name })
  }
  const values = shape.reduce((product: number, length: number) => product * length, 1)
  const [begin, end] = offsets as [number, number]
  if (end > data.length || begin > end) {
    throw new SafetensorsInvalidError('a tensor lies beyond the end of the file', { name, value: end })
  }
  if (end - begin !== values * width) {
    throw new SafetensorsInvalidError('a tensor has not the size of its shape', { name, value: end - begin })
  }
  return { name, type: dtype as SafetensorsType, shape, bytes: data.subarray(begin, end), begin }
}

/** The tensors must follow one another without gap or overlap, and end with the file. */
function requireCover(tensors: readonly { name: string; begin: number; bytes: Uint8Array }[], length: number): void {
  let end = 0
  for (const { name, begin, bytes } of [...tensors].sort(
    (a, b) => a.begin - b.begin || a.bytes.length - b.bytes.length,
  )) {
    if (begin !== end) {
      throw new SafetensorsInvalidError('tensors overlap or leave a gap', { name, value: begin })
    }
    end = begin + bytes.length
  }
  if (end !== length) throw new SafetensorsInvalidError('bytes belong to no tensor', { value: length - end })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
