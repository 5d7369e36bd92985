/**
 * Reads the head of a GGUF file: metadata and the table of tensors, every count, length and offset checked before use,
 * because the file may come from anybody. Spec: spec/tensor.md §2.
 */
import { type ByteSource, toByteSource } from '../byteSource.ts'
import { GgufInvalidError } from './ggufInvalidError.ts'
import type { GgufValue } from './ggufValue.ts'
import { HeadCursor, HeadTooShort } from './headCursor.ts'
import { readMetadata } from './readMetadata.ts'
import { type TensorType, tensorEncodings } from './tensorTypes.ts'

export type GgufTensor = {
  name: string
  type: TensorType
  /** Fastest-changing dimension first, as in the file: [columns, rows]. */
  shape: readonly number[]
  /** From the start of the file. */
  offset: number
  sizeBytes: number
}

export type Gguf = {
  version: number
  metadata: ReadonlyMap<string, GgufValue>
  tensors: ReadonlyMap<string, GgufTensor>
  sizeBytes: number
}

const headBytesMin = 1 << 20
const headBytesMax = 1 << 26
const tensorsMax = 65_536

/**
 * @param source - the file, or access to it; only its head is read
 * @throws {GgufInvalidError} naming the cause and the offset
 */
export async function readGguf(source: Uint8Array | ByteSource): Promise<Gguf> {
  const file = toByteSource(source)
  for (let length = headBytesMin; ; length *= 4) {
    const head = await file.read(0, Math.min(length, file.sizeBytes))
    if (head.length < Math.min(length, file.sizeBytes)) {
      throw new GgufInvalidError('the source ends early', { offset: head.length })
    }
    try {
      return parseHead(head, file.sizeBytes)
    } catch (error) {
      if (!(error instanceof HeadTooShort)) throw error
      if (head.length === file.sizeBytes) throw new GgufInvalidError('it is truncated', { offset: error.offset })
      if (length >= headBytesMax) throw new GgufInvalidError('its head is too long', { offset: error.offset })
    }
  }
}

function parseHead(head: Uint8Array, sizeBytes: number): Gguf {
  const cursor = new HeadCursor(head)
  if (cursor.u32() !== 0x46554747) throw new GgufInvalidError('it does not begin with GGUF', { offset: 0 })
  const version = cursor.u32()
  if (version !== 2 && version !== 3) throw new GgufInvalidError('unknown version', { offset: 4, value: version })
  const tensorCount = cursor.count('tensors', tensorsMax)
  const metadataCount = cursor.count('metadata entries', 65_536)
  const metadata = readMetadata(cursor, metadataCount)
  const entries: GgufTensor[] = []
  const names = new Set<string>()
  for (let i = 0; i < tensorCount; i++) {
    const entry = readTensorEntry(cursor)
    if (names.has(entry.name)) {
      throw new GgufInvalidError('two tensors have one name', { name: entry.name, offset: cursor.offset })
    }
    names.add(entry.name)
    entries.push(entry)
  }
  const dataStart = alignUp(cursor.offset, alignmentOf(metadata))
  const tensors = placeTensors(entries, dataStart, alignmentOf(metadata), sizeBytes)
  return { version, metadata, tensors, sizeBytes }
}

function readTensorEntry(cursor: HeadCursor): GgufTensor {
  const start = cursor.offset
  const name = cursor.text(1024)
  const dimensionCount = cursor.u32()
  if (dimensionCount < 1 || dimensionCount > 4) {
    throw new GgufInvalidError('a tensor has an impossible number of dimensions', {
      name,
      value: dimensionCount,
      offset: start,
    })
  }
  const shape: number[] = []
  let values = 1
  for (let i = 0; i < dimensionCount; i++) {
    const length = cursor.count(`dimension ${i} of ${name}`, 2 ** 31)
    values *= length
    if (length === 0 || values > 2 ** 40)
      throw new GgufInvalidError('a tensor has an absurd shape', { name, offset: start })
    shape.push(length)
  }
  const typeNumber = cursor.u32()
  const encoding = tensorEncodings.get(typeNumber)
  if (encoding === undefined) {
    throw new GgufInvalidError('a tensor has an unsupported type', { name, value: typeNumber, offset: start })
  }
  if (shape[0]! % encoding.blockValues !== 0) {
    throw new GgufInvalidError('a row is not a whole number of blocks', { name, value: shape[0]!, offset: start })
  }
  const offset = cursor.u64Safe()
  return { name, type: encoding.type, shape, offset, sizeBytes: (values / encoding.blockValues) * encoding.blockBytes }
}

function placeTensors(entries: GgufTensor[], dataStart: number, alignment: number, sizeBytes: number) {
  const placed = entries.map((entry) => ({ ...entry, offset: dataStart + entry.offset }))
  let end = dataStart
  for (const tensor of [...placed].sort((a, b) => a.offset - b.offset)) {
    const { name, offset } = tensor
    if ((offset - dataStart) % alignment !== 0) throw new GgufInvalidError('a tensor is not aligned', { name, offset })
    if (offset + tensor.sizeBytes > sizeBytes) {
      throw new GgufInvalidError('a tensor lies beyond the end of the file', { name, offset, value: tensor.sizeBytes })
    }
    if (offset < end) throw new GgufInvalidError('two tensors overlap', { name, offset })
    end = offset + tensor.sizeBytes
  }
  return new Map(placed.map((tensor) => [tensor.name, tensor]))
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get('general.alignment') ?? 32
  if (typeof alignment !== 'number' || alignment < 1 || alignment > 65_536 || (alignment & (alignment - 1)) !== 0) {
    throw new GgufInvalidError('its alignment is not a power of two', { value: String(alignment) })
  }
  return alignment
}

function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment
}
