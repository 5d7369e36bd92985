/**
 * The pure arithmetic of mining: seals, the puzzle of one nonce, and how good an answer must be. Bit-exact with what
 * `PoraMine` checks on chain. Spec: mining.md 2, 4.
 */
import { bytesToUint, uintToBytes } from '@weightless/codec'
import { keccak256 } from './keccakKernel.ts'
import { blake2bOfBlock, type PoraEngine, padBytes, runQualities, wasmPora } from './poraKernel.ts'

export { type PoraEngine, padBytes, sealBytes } from './poraKernel.ts'

export const sealSectors = 16
export const loadSeals = 64
const loadSectors = 1024
const miningLengthMax = 1n << 35n
const startAlignment = 1n << 25n

/** The part of the flow that one nonce may recall from, in sectors. */
export type RecallRange = {
  startPosition: bigint
  mineLength: bigint
  shardId: bigint
  /** 64 bits: ones above log2(numShards) zeros. */
  shardMask: bigint
}

/** What a seal depends on besides its data: 32 bytes each, and its first sector in the flow. */
export type SealTag = { minerId: Uint8Array; contextDigest: Uint8Array; startSector: number }

let engine = wasmPora

/** An environment with wider vectors installs them once; the bytes stay the same. */
export function setPoraEngine(next: PoraEngine): void {
  engine = next
}

/** Seals plain bytes in place: whole seals that follow each other in the flow from the tag's sector on. */
export function sealInPlace(bytes: Uint8Array, tag: SealTag): void {
  engine.sealChains(headerOf(tag), bytes, false)
}

/** Gives sealed bytes their plain form again, in place. */
export function unsealInPlace(bytes: Uint8Array, tag: SealTag): void {
  engine.sealChains(headerOf(tag), bytes, true)
}

/** Id of a range: keccak-256 of its four numbers in 32 bytes each. */
export function recallRangeDigest({ startPosition, mineLength, shardId, shardMask }: RecallRange): Uint8Array {
  return keccak256(join([startPosition, mineLength, shardId, shardMask].map((value) => uintToBytes(value, 32))))
}

/**
 * The range of a miner with one of `numShards` shards, as the contract wants it; undefined while the flow has no whole
 * segment. Beyond the window of 8 TiB a shard the newest part is mined, or the one that begins at `startSector` or next below.
 */
export function recallRange(
  flowLength: bigint,
  numShards: number,
  shardId: number,
  startSector?: bigint,
): RecallRange | undefined {
  const minable = (flowLength / BigInt(loadSectors)) * BigInt(loadSectors)
  if (minable === 0n) return undefined
  const most = miningLengthMax * BigInt(numShards)
  const mineLength = minable < most ? minable : most
  // rounded down, so that the last part of a window may lie beyond it by less than the alignment
  const newest = minable - mineLength
  const wished = startSector !== undefined && startSector < newest ? startSector : newest
  const startPosition = (wished / startAlignment) * startAlignment
  return { startPosition, mineLength, shardId: BigInt(shardId), shardMask: shardMaskOf(numShards) }
}

export function shardMaskOf(numShards: number): bigint {
  return 2n ** 64n - BigInt(numShards)
}

/** What the miner's part of the puzzle is seeded with: 32 bytes each. */
export type PuzzleSeed = {
  minerId: Uint8Array
  nonce: Uint8Array
  subtaskDigest: Uint8Array
  rangeDigest: Uint8Array
}

/** The 64 bytes from which a nonce's pad grows. */
export function padSeedOf({ minerId, nonce, subtaskDigest, rangeDigest }: PuzzleSeed): Uint8Array {
  return blake2bOfBlock(join([minerId, nonce, subtaskDigest, rangeDigest]))
}

/** What a nonce's seed grows into. */
export type NoncePad = { seed: Uint8Array; pad: Uint8Array; recallSeed: Uint8Array }

/** Grows the pads of several nonces at once, from their seeds of 64 bytes. */
export function growPads(seeds: readonly Uint8Array[]): NoncePad[] {
  const joined = new Uint8Array(64 * seeds.length)
  for (const [index, seed] of seeds.entries()) joined.set(seed, 64 * index)
  const pads = new Uint8Array(padBytes * seeds.length)
  const recallSeeds = new Uint8Array(32 * seeds.length)
  engine.growPads(joined, pads, recallSeeds)
  return seeds.map((seed, index) => ({
    seed,
    pad: pads.subarray(padBytes * index, padBytes * index + padBytes),
    recallSeed: recallSeeds.subarray(32 * index, 32 * index + 32),
  }))
}

/**
 * First sector of the 1,024 that a nonce recalls; undefined where that lies beyond the range, as it may when the
 * range is no multiple of the shards.
 */
export function recallLoad(recallSeed: Uint8Array, range: RecallRange): number | undefined {
  const loads = range.mineLength / BigInt(loadSectors)
  const load = ((bytesToUint(recallSeed) % loads) & range.shardMask) | range.shardId
  if (load >= loads) return undefined
  return Number(range.startPosition) + Number(load) * loadSectors
}

/**
 * Qualities of the 64 seals of a load under a nonce's pad, 32 bytes each, big-endian, smaller is better. Those that
 * `available` (a bit for each seal, 64 bits) does not name mean nothing. Valid until the next call.
 * @param sealed 262,144 bytes
 */
export function qualitiesOf(nonce: NoncePad, sealed: Uint8Array, available: bigint): Uint8Array {
  return runQualities(nonce, sealed, Number(available & 0xffffffffn) | 0, Number((available >> 32n) & 0xffffffffn) | 0)
}

/** Largest quality that counts, for a miner of `numShards` shards. */
export function scaledTarget(poraTarget: bigint, flowLength: bigint, numShards: number): bigint {
  const own = min(flowLength / BigInt(numShards), miningLengthMax)
  if (own === 0n) return 0n
  const scaleX64 = (min(flowLength, miningLengthMax) << 64n) / own
  return (poraTarget / scaleX64) << 64n
}

/** The seals among `available` whose quality is at most `target`. */
export function hitsOf(qualities: Uint8Array, available: bigint, target: bigint): number[] {
  const limit = uintToBytes(target, 32)
  const hits: number[] = []
  for (let index = 0; index < loadSeals; index++) {
    if ((available >> BigInt(index)) % 2n === 0n) continue
    if (isAtMost(qualities, 32 * index, limit)) hits.push(index)
  }
  return hits
}

function isAtMost(values: Uint8Array, at: number, limit: Uint8Array): boolean {
  for (let i = 0; i < 32; i++) {
    if (values[at + i]! !== limit[i]!) return values[at + i]! < limit[i]!
  }
  return true
}

function headerOf({ minerId, contextDigest, startSector }: SealTag): Uint8Array {
  return join([minerId, contextDigest, uintToBytes(BigInt(startSector), 32)])
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(32 * parts.length)
  for (const [index, part] of parts.entries()) joined.set(part, 32 * index)
  return joined
}
