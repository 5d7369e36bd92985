/**
 * Sealed segments in files of their own, one for each segment of the flow: for nodes that keep their plain data elsewhere.
 * A node that holds fragments seals them where they lie instead (`holder`). Spec: mining §3.
 */
import { bytesToUint, concatBytes, crc32, uintToBytes } from '@weightless/codec'
import type { Disk } from '@weightless/env'
import type { MinableSegments, SealedSegment } from './minableSegments.ts'

export type SealedStore = MinableSegments & {
  /** Durable when it resolves; replaces what was there. */
  put(globalSegment: number, segment: SealedSegment): Promise<void>
  remove(globalSegment: number): Promise<void>
  segments(): readonly number[]
}

const segmentBytes = 262_144
/** Mask, 64 digests, data, checksum. */
const fileBytes = 8 + 64 * 32 + segmentBytes + 4

export async function openSealedStore(
  disk: Disk,
  folder: string,
  shard: { numShard: number; shardId: number },
): Promise<SealedStore> {
  const pathOf = (globalSegment: number): string => `${folder}/${globalSegment}`
  const names = await disk.list(folder)
  const known = new Set(names.filter((name) => /^\d+$/.test(name)).map(Number))

  return {
    ...shard,
    has: (globalSegment) => known.has(globalSegment),
    segments: () => [...known].sort((a, b) => a - b),
    async readSealed(globalSegment) {
      if (!known.has(globalSegment)) return undefined
      const file = await disk.open(pathOf(globalSegment), 'read')
      try {
        const segment = decode(await file.read(0, fileBytes))
        if (!segment) known.delete(globalSegment)
        return segment
      } finally {
        await file.close()
      }
    },
    async put(globalSegment, segment) {
      const path = `${pathOf(globalSegment)}.new`
      await disk.remove(path)
      const file = await disk.open(path, 'create')
      await file.write(0, encode(segment))
      await file.sync()
      await file.close()
      await disk.rename(path, pathOf(globalSegment))
      await disk.syncFolder(folder)
      known.add(globalSegment)
    },
    async remove(globalSegment) {
      known.delete(globalSegment)
      await disk.remove(pathOf(globalSegment))
    },
  }
}

function encode({ sealed, contextDigests, sealedMask }: SealedSegment): Uint8Array {
  const digests = contextDigests.map((digest) => digest ?? new Uint8Array(32))
  const body = concatBytes([uintToBytes(sealedMask, 8), ...digests, sealed])
  return concatBytes([body, uintToBytes(BigInt(crc32(body)), 4)])
}

/** Undefined for what is damaged: it counts as missing. */
function decode(bytes: Uint8Array): SealedSegment | undefined {
  if (bytes.length !== fileBytes) return undefined
  const body = bytes.subarray(0, fileBytes - 4)
  if (BigInt(crc32(body)) !== bytesToUint(bytes.subarray(fileBytes - 4))) return undefined
  const sealedMask = bytesToUint(body.subarray(0, 8))
  const contextDigests = Array.from({ length: 64 }, (_, index) =>
    (sealedMask >> BigInt(index)) % 2n === 1n ? body.slice(8 + 32 * index, 40 + 32 * index) : undefined,
  )
  return { sealed: body.slice(8 + 64 * 32), contextDigests, sealedMask }
}
