/**
 * A key-value transaction as it stands in a file of the log: `encodeTransaction` builds it, `readTransaction` takes it apart
 * with values left where they are. All integers big-endian. Spec: kv §1.
 */
import { accept, readUint32, readUint64, reject, type Verdict, writeUint32, writeUint64 } from '@weightless/codec'

export type KeyRef = { streamId: Uint8Array; key: Uint8Array }

export type ControlKind = keyof typeof controlTypes

export type Control = {
  kind: ControlKind
  streamId: Uint8Array
  /** Where the kind has one: 1 to 2^24 - 1 bytes. */
  key?: Uint8Array
  /** Where the kind has one: 20 bytes. */
  account?: Uint8Array
}

export type Transaction = {
  /** What the sender had seen: reads and writes conflict with anything newer. */
  version: bigint
  reads: readonly KeyRef[]
  writes: readonly (KeyRef & { value: Uint8Array })[]
  controls: readonly Control[]
}

/** A transaction whose values were left in their file. */
export type TransactionOutline = {
  version: bigint
  reads: KeyRef[]
  /** `offset` counts from the beginning of the transaction, behind an encryption header. */
  writes: (KeyRef & { offset: number; length: number })[]
  controls: Control[]
}

export type TransactionFault = 'invalid' | 'reads' | 'writes' | 'controls' | 'too-large'

/** The type byte of each kind of control, and which fields it carries. */
export const controlTypes = {
  grantAdmin: { type: 0x00, key: false, account: true },
  renounceAdmin: { type: 0x01, key: false, account: false },
  setKeyToSpecial: { type: 0x10, key: true, account: false },
  setKeyToNormal: { type: 0x11, key: true, account: false },
  grantWriter: { type: 0x20, key: false, account: true },
  revokeWriter: { type: 0x21, key: false, account: true },
  renounceWriter: { type: 0x22, key: false, account: false },
  grantSpecialWriter: { type: 0x30, key: true, account: true },
  revokeSpecialWriter: { type: 0x31, key: true, account: true },
  renounceSpecialWriter: { type: 0x32, key: true, account: false },
} as const

const kindOfType = new Map(
  Object.entries(controlTypes).map(([kind, { type }]) => [type as number, kind as ControlKind]),
)

export const streamIdBytes = 32
export const accountBytes = 20
export const keyBytesMax = 2 ** 24 - 1
export const listEntriesMax = 65_536
/** Of everything but values. The network sets no such bound; without one a transaction could fill any memory. */
export const outlineBytesMax = 64 * 1024 * 1024

/** Fields must have their lengths; lists at most `listEntriesMax` entries. */
export function encodeTransaction({ version, reads, writes, controls }: Transaction): Uint8Array {
  const size =
    20 +
    reads.reduce((sum, { key }) => sum + keyRefBytes(key), 0) +
    writes.reduce((sum, { key, value }) => sum + keyRefBytes(key) + 8 + value.length, 0) +
    controls.reduce((sum, { key, account }) => sum + 33 + (key ? 3 + key.length : 0) + (account?.length ?? 0), 0)
  const bytes = new Uint8Array(size)
  let at = 0
  const put32 = (value: number): void => {
    writeUint32(bytes, at, value)
    at += 4
  }
  const put = (part: Uint8Array): void => {
    bytes.set(part, at)
    at += part.length
  }
  const putKey = (key: Uint8Array): void => {
    put(new Uint8Array([key.length >>> 16, key.length >>> 8, key.length]))
    put(key)
  }
  writeUint64(bytes, 0, version)
  at = 8
  put32(reads.length)
  for (const { streamId, key } of reads) {
    put(streamId)
    putKey(key)
  }
  put32(writes.length)
  for (const { streamId, key, value } of writes) {
    put(streamId)
    putKey(key)
    writeUint64(bytes, at, BigInt(value.length))
    at += 8
  }
  for (const { value } of writes) put(value)
  put32(controls.length)
  for (const { kind, streamId, key, account } of controls) {
    put(new Uint8Array([controlTypes[kind].type]))
    put(streamId)
    if (key) putKey(key)
    if (account) put(account)
  }
  return bytes
}

function keyRefBytes(key: Uint8Array): number {
  return streamIdBytes + 3 + key.length
}

/** Gives `length` bytes at `offset`; asked only for what lies within the size. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>

/**
 * Reads everything but the values, in pieces, from a file that need not fit into memory. Bytes behind the transaction are
 * ignored, as the network does.
 */
export async function readTransaction(
  read: ReadRange,
  sizeBytes: number,
): Promise<Verdict<TransactionOutline, TransactionFault>> {
  const input = createInput(read, sizeBytes)
  try {
    const version = await input.u64()
    const reads: KeyRef[] = []
    for (let left = await input.count('reads'); left > 0; left--) {
      reads.push({ streamId: await input.take(streamIdBytes), key: await input.key() })
    }
    const writes: TransactionOutline['writes'] = []
    const lengths: bigint[] = []
    for (let left = await input.count('writes'); left > 0; left--) {
      const ref = { streamId: await input.take(streamIdBytes), key: await input.key() }
      lengths.push(await input.u64())
      writes.push({ ...ref, offset: 0, length: 0 })
    }
    for (const [index, write] of writes.entries()) {
      const length = lengths[index]!
      if (length > BigInt(sizeBytes)) return reject('invalid', 'a value is longer than the file')
      write.offset = input.position()
      write.length = Number(length)
      input.skip(write.length)
    }
    const controls: Control[] = []
    for (let left = await input.count('controls'); left > 0; left--) controls.push(await readControl(input))
    return accept({ version, reads, writes, controls })
  } catch (fault) {
    if (fault instanceof Malformed) return reject(fault.fault, fault.message)
    throw fault
  }
}

async function readControl(input: Input): Promise<Control> {
  const [type] = await input.take(1)
  const kind = kindOfType.get(type!)
  if (!kind) throw new Malformed('invalid', `there is no control of type ${type}`)
  const fields = controlTypes[kind]
  const control: Control = { kind, streamId: await input.take(streamIdBytes) }
  if (fields.key) control.key = await input.key()
  if (fields.account) control.account = await input.take(accountBytes)
  return control
}

type Input = ReturnType<typeof createInput>

/** Walks through the file with a window, so that thousands of small fields cost a few reads. */
function createInput(read: ReadRange, sizeBytes: number) {
  let window: Uint8Array = new Uint8Array(0)
  let windowAt = 0
  let at = 0
  let takenBytes = 0

  const take = async (length: number): Promise<Uint8Array> => {
    if (at + length > sizeBytes) throw new Malformed('invalid', 'the file ends too early')
    takenBytes += length
    if (takenBytes > outlineBytesMax) throw new Malformed('too-large', 'keys and lists are too large')
    if (at < windowAt || at + length > windowAt + window.length) {
      const wanted = Math.min(sizeBytes - at, Math.max(length, windowBytes))
      window = await read(at, wanted)
      windowAt = at
      if (window.length < length) throw new Malformed('invalid', 'the file ends too early')
    }
    const part = window.slice(at - windowAt, at - windowAt + length)
    at += length
    return part
  }
  const u32 = async (): Promise<number> => readUint32(await take(4), 0)

  return {
    take,
    u64: async (): Promise<bigint> => readUint64(await take(8), 0),
    async count(list: 'reads' | 'writes' | 'controls'): Promise<number> {
      const count = await u32()
      if (count > listEntriesMax) throw new Malformed(list, `${count} entries`)
      return count
    },
    async key(): Promise<Uint8Array> {
      const [high, middle, low] = await take(3)
      const length = (high! << 16) | (middle! << 8) | low!
      if (length === 0) throw new Malformed('invalid', 'a key is empty')
      return take(length)
    },
    position: () => at,
    skip(length: number): void {
      if (at + length > sizeBytes) throw new Malformed('invalid', 'the file ends within a value')
      at += length
    },
  }
}

const windowBytes = 64 * 1024

/** Never leaves this file. */
class Malformed extends Error {
  readonly fault: TransactionFault
  constructor(fault: TransactionFault, message: string) {
    super(message)
    this.fault = fault
  }
}
