/**
 * Fragments whose data lies sealed on disk: mining and reading share one copy. A record is either a plain frame or one whose
 * data's whole seals are masked; reading gives the plain frame either way. Spec: mining §3.
 */
import { bytesToUint, concatBytes, uintToBytes } from '@weightless/codec'
import { type SealTag, sealBytes } from '@weightless/crypto'
import type { Tasks } from '@weightless/env'
import { isPlanted } from '@weightless/store'
import type { FragmentStore } from '../holder/fragmentStore.ts'
import { decodeFragmentFrame } from '../wire/index.ts'
import { type SealRequest, sealingModule } from './sealSegment.ts'

export type SealOutcome = 'sealed' | 'absent' | 'too-short' | 'changed' | 'disk-full'

export type SealableFragments = FragmentStore & {
  /**
   * Replaces a stored data fragment by its sealed form; one that is sealed under another tag is sealed anew. `changed`:
   * another record came meanwhile, which stays as it is.
   */
  seal(fileKey: string, stripe: number, tag: SealTag): Promise<SealOutcome>
  /** The sealed bytes of a fragment from its first sector on, whole seals; undefined while it is plain or absent. */
  readSeals(fileKey: string, stripe: number): Promise<{ tag: SealTag; seals: Uint8Array } | undefined>
  /** Times a stored record was given its plain form for a reader. */
  unsealed(): number
}

/** `WLX1`, miner id, context digest, first sector, length of the sealed part; then the frame. */
const magic = new Uint8Array([0x57, 0x4c, 0x58, 0x31])
const headBytes = 4 + 32 + 32 + 8 + 4

export function sealAtRest(base: FragmentStore, tasks: Pick<Tasks, 'run'>): SealableFragments {
  const sealing = new Set<string>()
  let unsealedCount = 0

  async function run(request: SealRequest): Promise<Uint8Array> {
    const bytes = request.bytes.slice()
    const done = await tasks.run<{ bytes: Uint8Array }>(sealingModule, { ...request, bytes }, [bytes.buffer])
    return done.bytes
  }

  /** The plain frame of a record. */
  async function open(record: Uint8Array): Promise<Uint8Array> {
    const sealed = readSealedRecord(record)
    if (!sealed) return record
    unsealedCount++
    sealed.seals.set(await run({ bytes: sealed.seals, tag: sealed.tag, isUnsealing: true }))
    return sealed.frame
  }

  return {
    ...base,
    unsealed: () => unsealedCount,
    add(fileKey, stripe, frame) {
      sealing.delete(keyOf(fileKey, stripe))
      return base.add(fileKey, stripe, frame)
    },
    async read(fileKey, stripe, sizeBytes) {
      const record = await base.records.read(fileKey, stripe)
      const frame = record && (await open(record))
      frame?.set(uintToBytes(BigInt(sizeBytes), 8), 4)
      return frame
    },
    async readSeals(fileKey, stripe) {
      const record = await base.records.read(fileKey, stripe)
      const sealed = record && readSealedRecord(record)
      return sealed && { tag: sealed.tag, seals: sealed.seals }
    },
    async seal(fileKey, stripe, tag) {
      const key = keyOf(fileKey, stripe)
      sealing.add(key)
      try {
        const record = await base.records.read(fileKey, stripe)
        if (!record) return 'absent'
        const known = readSealedRecord(record)
        if (known && isSameTag(known.tag, tag)) return 'sealed'
        const frame = await open(record)
        const part = sealablePart(frame)
        if (!part) return 'too-short'
        part.set(await run({ bytes: part, tag, isUnsealing: false }))
        // Another record that came while the chain of hashes ran is newer than what was sealed.
        const isNewest = sealing.has(key) && base.has(fileKey, stripe)
        if (!isNewest && !isPlanted('seal-over-newer')) return 'changed'
        const isStored = await base.records.add(fileKey, stripe, concatBytes([headOf(tag, part.length), frame]))
        return isStored ? 'sealed' : 'disk-full'
      } finally {
        sealing.delete(key)
      }
    },
  }
}

const keyOf = (fileKey: string, stripe: number): string => `${fileKey}/${stripe}`

/** The whole seals of a data row; undefined for parity, which is in no flow, and for less than one seal. */
function sealablePart(frame: Uint8Array): Uint8Array | undefined {
  const decoded = decodeFragmentFrame(frame)
  if (!decoded.ok || decoded.value.row >= decoded.value.dataRows) return undefined
  const { data } = decoded.value
  return data.length < sealBytes ? undefined : data.subarray(0, data.length - (data.length % sealBytes))
}

function headOf({ minerId, contextDigest, startSector }: SealTag, sealedBytes: number): Uint8Array {
  const numbers = [uintToBytes(BigInt(startSector), 8), uintToBytes(BigInt(sealedBytes), 4)]
  return concatBytes([magic, minerId, contextDigest, ...numbers])
}

/** Views into the record; undefined for a plain frame. */
function readSealedRecord(record: Uint8Array): { tag: SealTag; frame: Uint8Array; seals: Uint8Array } | undefined {
  if (record.length < headBytes || magic.some((byte, at) => record[at] !== byte)) return undefined
  const frame = record.subarray(headBytes)
  const part = sealablePart(frame)
  const sealedBytes = Number(bytesToUint(record.subarray(76, 80)))
  if (!part || part.length !== sealedBytes) return undefined
  const tag = {
    minerId: record.slice(4, 36),
    contextDigest: record.slice(36, 68),
    startSector: Number(bytesToUint(record.subarray(68, 76))),
  }
  return { tag, frame, seals: part }
}

function isSameTag(a: SealTag, b: SealTag): boolean {
  const isSame = (x: Uint8Array, y: Uint8Array): boolean => x.every((byte, at) => byte === y[at])
  return a.startSector === b.startSector && isSame(a.minerId, b.minerId) && isSame(a.contextDigest, b.contextDigest)
}
