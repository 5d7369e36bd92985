/** Whether mining is worth its while: what answers would pay, over some of the segments that are kept here. Spec: mining §9. */
import type { Env } from '@weightless/env'
import type { MinableSegments } from './minableSegments.ts'
import { paySegmentsMax, type ReadPay } from './readPay.ts'
import type { Puzzle } from './readWork.ts'

export type PayRule = {
  read: ReadPay
  /** Wei that an answer must pay. */
  leastWei: bigint
}

const loadSectors = 1024n
/** Places looked at for segments that are kept. */
const placesMax = 4 * paySegmentsMax

/** True if the kept segments of the range, evenly taken, pay enough on average. */
export async function isWorthMining(
  { random }: Pick<Env, 'random'>,
  rule: PayRule,
  segments: MinableSegments,
  puzzle: Puzzle,
): Promise<boolean> {
  const kept = pickKept(random.bytes(1)[0]! / 256, segments, puzzle)
  if (kept.length === 0) return false
  const pays = await rule.read(kept)
  return pays.reduce((sum, pay) => sum + pay, 0n) >= rule.leastWei * BigInt(kept.length)
}

function pickKept(offset: number, segments: MinableSegments, { range }: Puzzle): number[] {
  const first = Number(range.startPosition / loadSectors)
  const own = Math.ceil(Number(range.mineLength / loadSectors) / segments.numShard)
  const places = Math.min(placesMax, own)
  const kept: number[] = []
  for (let at = 0; at < places && kept.length < paySegmentsMax; at++) {
    const turn = Math.floor(((at + offset) * own) / places)
    const segment = first + turn * segments.numShard + segments.shardId
    if (segments.has(segment)) kept.push(segment)
  }
  return kept
}
