/** A flow of noise, sealed for a miner, and a chain that gives work for it: the puzzle without a network around it. */
import { bytesToHex, type Hex, hexToBytes, uintToBytes } from '@weightless/codec'
import { keccak256, sealInPlace } from '@weightless/crypto'
import type { MinableSegments } from '../mining/minableSegments.ts'
import type { Work } from '../mining/readWork.ts'

export const everySeal = 2n ** 64n - 1n
const segmentBytes = 262_144
const contextDigest = keccak256(new Uint8Array([1]))

export function noiseSegment(globalSegment: number): Uint8Array {
  const bytes = new Uint8Array(segmentBytes)
  let state = 1 + globalSegment
  for (let at = 0; at < segmentBytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

export function sealSegmentFor(minerId: Hex, globalSegment: number): Uint8Array {
  const bytes = noiseSegment(globalSegment)
  sealInPlace(bytes, { minerId: hexToBytes(minerId), contextDigest, startSector: 1024 * globalSegment })
  return bytes
}

/** Sealed segments in memory; `keeps` says which of them the miner still has. */
export function sealedInMemory(
  minerId: Hex,
  segmentCount: number,
  keeps: (globalSegment: number) => boolean,
): MinableSegments {
  const kept = new Map<number, Uint8Array>()
  for (let at = 0; at < segmentCount; at++) if (keeps(at)) kept.set(at, sealSegmentFor(minerId, at))
  const contextDigests = Array.from({ length: 64 }, () => contextDigest)
  return {
    ...{ numShard: 1, shardId: 0 },
    has: (globalSegment) => kept.has(globalSegment),
    readSealed(globalSegment) {
      const sealed = kept.get(globalSegment)
      return Promise.resolve(sealed && { sealed, contextDigests, sealedMask: everySeal })
    },
  }
}

/** An epoch over `segmentCount` segments in which one of `difficulty` seals is an answer. */
export function workOver(segmentCount: number, difficulty: bigint, epoch = 1n): Work {
  return {
    ...{ epoch, contextDigest, flowRoot: new Uint8Array(32), flowLength: BigInt(1024 * segmentCount) },
    subtaskDigest: keccak256(uintToBytes(epoch, 32)),
    poraTarget: (2n ** 256n - 1n) / difficulty,
    maxShards: 256n,
  }
}

/** `work` as the contract returns it. */
export function encodeWork({ epoch, contextDigest, flowRoot, flowLength, ...rest }: Work): Hex {
  const words = [
    uintToBytes(epoch, 32),
    ...[new Uint8Array(32), flowRoot, uintToBytes(flowLength, 32), new Uint8Array(32), contextDigest],
    ...[uintToBytes(rest.poraTarget, 32), rest.subtaskDigest, uintToBytes(rest.maxShards, 32)],
  ]
  return `0x${words.map((word) => bytesToHex(word).slice(2)).join('')}`
}
