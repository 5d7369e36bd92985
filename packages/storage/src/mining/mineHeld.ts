/** A holder's fragments as a miner sees them: segments of the flow, assembled from what lies sealed on disk. Spec: mining §3. */
import { sealBytes, sealSectors, sectorBytes, segmentSectors } from '@weightless/crypto'
import type { FlowLog } from '../node/flowLog.ts'
import type { ReadSegment } from '../node/proveSector.ts'
import { siblingsOf } from '../node/proveSector.ts'
import type { Submission } from '../node/submission.ts'
import { decodeFragmentFrame } from '../wire/index.ts'
import { createFlowMap, type FlowMap, segmentIndexAt } from './flowMap.ts'
import type { MinableSegments, ProveSeal, SealedSegment } from './minableSegments.ts'
import type { SealableFragments } from './sealAtRest.ts'

export type HeldSegments = { segments: MinableSegments; prove: ProveSeal; map: FlowMap }

const loadBytes = 262_144
const loadSeals = 64

export function mineHeld(
  flow: FlowLog,
  fragments: SealableFragments,
  shard: { numShard: number; shardId: number },
): HeldSegments {
  const map = createFlowMap(flow)
  const heldIn = (globalSegment: number) =>
    map
      .between(globalSegment * segmentSectors, (globalSegment + 1) * segmentSectors)
      .flatMap((submission) => placeIn(fragments, submission, globalSegment))
  return {
    map,
    segments: {
      ...shard,
      has: (globalSegment) => heldIn(globalSegment).length > 0,
      async readSealed(globalSegment) {
        const segment = emptySegment()
        for (const { fileKey, stripe } of heldIn(globalSegment)) {
          const found = await fragments.readSeals(fileKey, stripe)
          if (found) addSeals(segment, globalSegment, found)
        }
        return segment.sealedMask === 0n ? undefined : segment
      },
    },
    prove: async (sector, flowRoot) => {
      const siblings = await siblingsOf(flow, sector, flowRoot, readFrom(fragments))
      return siblings?.slice(Math.log2(sealSectors))
    },
  }
}

/** The fragment here that has this file's part of the segment, if there is one that can be mined. */
function placeIn(
  fragments: SealableFragments,
  submission: Submission,
  globalSegment: number,
): { fileKey: string; stripe: number }[] {
  const { fileKey, shape } = submission
  const file = fragments.file(fileKey)
  if (!file || !shape || submission.startSector % sealSectors !== 0) return []
  const index = segmentIndexAt(submission, globalSegment)
  if (index >= shape.segments || index % file.dataRows !== file.row) return []
  const stripe = Math.floor(index / file.dataRows)
  return fragments.has(fileKey, stripe) ? [{ fileKey, stripe }] : []
}

function emptySegment(): SealedSegment & { contextDigests: (Uint8Array | undefined)[] } {
  return { sealed: new Uint8Array(loadBytes), contextDigests: Array(loadSeals).fill(undefined), sealedMask: 0n }
}

/** What was sealed for another place (the file lies there twice) does not count. */
function addSeals(
  segment: ReturnType<typeof emptySegment>,
  globalSegment: number,
  { tag, seals }: NonNullable<Awaited<ReturnType<SealableFragments['readSeals']>>>,
): void {
  const first = tag.startSector - globalSegment * segmentSectors
  const count = seals.length / sealBytes
  if (first < 0 || first + count * sealSectors > segmentSectors) return
  segment.sealed.set(seals, first * sectorBytes)
  for (let index = 0; index < count; index++) {
    const seal = first / sealSectors + index
    segment.contextDigests[seal] = tag.contextDigest
    segment.sealedMask |= 1n << BigInt(seal)
  }
}

/** Plain segments with their proofs, from data fragments. */
function readFrom(fragments: SealableFragments): ReadSegment {
  return async ({ fileKey, sizeBytes }, index) => {
    const file = fragments.file(fileKey)
    if (!file || index % file.dataRows !== file.row) return undefined
    const bytes = await fragments.read(fileKey, Math.floor(index / file.dataRows), sizeBytes)
    const frame = bytes && decodeFragmentFrame(bytes)
    if (!frame?.ok || !frame.value.segmentProof) return undefined
    return { data: frame.value.data, proof: frame.value.segmentProof }
  }
}
