/**
 * The standard ABI encoding of contracts (Solidity's `abi.encode`), compiled once per list of types. What is hashed for every
 * request is encoded so: a general library takes as long for it as a signature does.
 */
import { textToBytes } from '@weightless/codec'
import { type Word, wordWriter } from './abiWord.ts'

/** As parsers of human-readable ABI give it: `type`, and for tuples `components`. */
export type AbiType = {
  readonly type: string
  readonly name?: string | undefined
  readonly components?: readonly AbiType[] | undefined
}

export type AbiEncoder = (values: readonly unknown[]) => Uint8Array

const wordBytes = 32

/** What is being written; grown by its owner before anything is put into it. */
type Target = { bytes: Uint8Array; view: DataView }

type Codec = {
  /** Bytes in the head of whatever holds it. */
  headBytes: number
  isDynamic: boolean
  /** Bytes of the value itself, without the word that points to it. */
  sizeOf(value: unknown): number
  /** Returns the place behind what was written. */
  write(target: Target, at: number, value: unknown): number
}

/**
 * Types: `address`, `bool`, `uintN`, `intN`, `bytesN`, `bytes` (given as bytes), `string`, tuples and `T[]`.
 * The encoder is for well-formed values: they are checked where they enter the system.
 * @throws {TypeError} another type, or, while encoding, a value that does not fit
 */
export function compileAbi(types: readonly AbiType[]): AbiEncoder {
  const fields = types.map(codecOf)
  const tuple = sequence(fields)
  return (values) => {
    const bytes = new Uint8Array(tuple.sizeOf(values))
    tuple.write({ bytes, view: new DataView(bytes.buffer) }, 0, values)
    return bytes
  }
}

function codecOf(type: AbiType): Codec {
  const item = /^(.*)\[\]$/.exec(type.type)?.[1]
  if (item !== undefined) return list(codecOf({ ...type, type: item }))
  if (type.type === 'tuple') return tupleOf(type.components ?? [])
  if (type.type === 'string') return content((value) => textToBytes(String(value)))
  if (type.type === 'bytes') return content((value) => value as Uint8Array)
  const write = wordWriter(type.type === 'bool' ? 'uint8' : type.type)
  return {
    headBytes: wordBytes,
    isDynamic: false,
    sizeOf: () => wordBytes,
    write({ bytes, view }, at, value) {
      write(bytes, view, at, (typeof value === 'boolean' ? Number(value) : value) as Word)
      return at + wordBytes
    },
  }
}

function tupleOf(components: readonly AbiType[]): Codec {
  const fields = sequence(components.map(codecOf))
  const names = components.map(({ name }, index) => name ?? String(index))
  const inOrder = (value: unknown): unknown[] => names.map((name) => (value as Record<string, unknown>)[name])
  return {
    ...fields,
    sizeOf: (value) => fields.sizeOf(inOrder(value)),
    write: (target, at, value) => fields.write(target, at, inOrder(value)),
  }
}

/** Several values one after the other: heads first, then what the heads point to. */
function sequence(fields: readonly Codec[]): Codec {
  const headBytes = fields.reduce((sum, field) => sum + field.headBytes, 0)
  const isDynamic = fields.some((field) => field.isDynamic)
  return {
    headBytes: isDynamic ? wordBytes : headBytes,
    isDynamic,
    sizeOf(value) {
      let size = headBytes
      const values = value as readonly unknown[]
      for (let index = 0; index < fields.length; index++) {
        const field = fields[index]!
        if (field.isDynamic) size += field.sizeOf(values[index])
      }
      return size
    },
    write: (target, at, value) =>
      writeAll(target, at, value as readonly unknown[], (index) => fields[index]!, headBytes),
  }
}

function list(item: Codec): Codec {
  return {
    headBytes: wordBytes,
    isDynamic: true,
    sizeOf(value) {
      const values = value as readonly unknown[]
      let size = wordBytes + values.length * item.headBytes
      if (item.isDynamic) for (const each of values) size += item.sizeOf(each)
      return size
    },
    write(target, at, value) {
      const values = value as readonly unknown[]
      target.view.setUint32(at + wordBytes - 4, values.length)
      return writeAll(target, at + wordBytes, values, () => item, values.length * item.headBytes)
    },
  }
}

function writeAll(
  target: Target,
  at: number,
  values: readonly unknown[],
  codecAt: (index: number) => Codec,
  headsBytes: number,
): number {
  let [head, tail] = [at, at + headsBytes]
  for (let index = 0; index < values.length; index++) {
    const value = values[index]
    const codec = codecAt(index)
    if (codec.isDynamic) {
      target.view.setUint32(head + wordBytes - 4, tail - at)
      tail = codec.write(target, tail, value)
    } else codec.write(target, head, value)
    head += codec.headBytes
  }
  return tail
}

/** Its length, and its bytes up to a whole word. */
function content(bytesOf: (value: unknown) => Uint8Array): Codec {
  // Each value is asked for its size and at once written: the bytes are made once.
  let [known, bytes]: [unknown, Uint8Array] = [undefined, new Uint8Array()]
  const made = (value: unknown): Uint8Array => {
    if (value !== known || known === undefined) [known, bytes] = [value, bytesOf(value)]
    return bytes
  }
  const padded = (length: number): number => Math.ceil(length / wordBytes) * wordBytes
  return {
    headBytes: wordBytes,
    isDynamic: true,
    sizeOf: (value) => wordBytes + padded(made(value).length),
    write(target, at, value) {
      const content = made(value)
      known = undefined
      target.view.setUint32(at + wordBytes - 4, content.length)
      target.bytes.set(content, at + wordBytes)
      return at + wordBytes + padded(content.length)
    },
  }
}
