/** Reads GGUF's key–value section into plain values. */
import { GgufInvalidError } from './ggufInvalidError.ts'
import type { GgufArray, GgufValue } from './ggufValue.ts'
import type { HeadCursor } from './headCursor.ts'

const textBytesMax = 1 << 22
const arrayLengthMax = 1 << 22
const stringType = 8
const arrayType = 9

/** Width in bytes and reader of each scalar type number. */
const scalars: ReadonlyMap<number, { width: number; read: (view: DataView, at: number) => number | boolean | bigint }> =
  new Map([
    [0, { width: 1, read: (view: DataView, at: number) => view.getUint8(at) }],
    [1, { width: 1, read: (view: DataView, at: number) => view.getInt8(at) }],
    [2, { width: 2, read: (view: DataView, at: number) => view.getUint16(at, true) }],
    [3, { width: 2, read: (view: DataView, at: number) => view.getInt16(at, true) }],
    [4, { width: 4, read: (view: DataView, at: number) => view.getUint32(at, true) }],
    [5, { width: 4, read: (view: DataView, at: number) => view.getInt32(at, true) }],
    [6, { width: 4, read: (view: DataView, at: number) => view.getFloat32(at, true) }],
    [7, { width: 1, read: (view: DataView, at: number) => view.getUint8(at) !== 0 }],
    [10, { width: 8, read: (view: DataView, at: number) => view.getBigUint64(at, true) }],
    [11, { width: 8, read: (view: DataView, at: number) => view.getBigInt64(at, true) }],
    [12, { width: 8, read: (view: DataView, at: number) => view.getFloat64(at, true) }],
  ])

export function readMetadata(cursor: HeadCursor, count: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < count; i++) {
    const offset = cursor.offset
    const key = cursor.text(65_535)
    if (metadata.has(key)) throw new GgufInvalidError('a metadata key comes twice', { name: key, offset })
    metadata.set(key, readValue(cursor, key))
  }
  return metadata
}

function readValue(cursor: HeadCursor, key: string): GgufValue {
  const offset = cursor.offset
  const type = cursor.u32()
  if (type === stringType) return cursor.text(textBytesMax)
  if (type === arrayType) return readArray(cursor, key)
  const scalar = scalars.get(type)
  if (scalar === undefined) throw new GgufInvalidError('unknown metadata type', { name: key, value: type, offset })
  const value = scalar.read(cursor.view(), cursor.take(scalar.width))
  return typeof value === 'bigint' && value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value
}

function readArray(cursor: HeadCursor, key: string): GgufArray {
  const offset = cursor.offset
  const type = cursor.u32()
  const length = cursor.count(`values of ${key}`, arrayLengthMax)
  if (type === stringType) {
    const texts: string[] = []
    for (let i = 0; i < length; i++) texts.push(cursor.text(textBytesMax))
    return texts
  }
  const scalar = scalars.get(type)
  if (scalar === undefined) throw new GgufInvalidError('unknown array type', { name: key, value: type, offset })
  const start = cursor.take(scalar.width * length)
  const values = new Float64Array(length)
  for (let i = 0; i < length; i++) values[i] = Number(scalar.read(cursor.view(), start + i * scalar.width))
  return values
}
