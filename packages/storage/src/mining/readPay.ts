/** What an answer would be paid now, segment by segment: so that a miner rests while nothing that it keeps pays. Spec: mining §7. */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { segmentSectors } from '@weightless/crypto'
import type { Ledger } from '@weightless/ledger'

export type ReadPay = (globalSegments: readonly number[]) => Promise<bigint[]>

type Stream = { locked: bigint; claimable: bigint; paid: bigint; sinceSeconds: bigint; endSeconds: bigint }

/** Segments asked about at once. */
export const paySegmentsMax = 64

/** An estimate, in wei, never above what is paid: the chunk of a file that was renewed counts as released from the renewal on. */
export function createReadPay(ledger: Pick<Ledger, 'read'>, rewardPool: Hex): ReadPay {
  const pool = { address: rewardPool, abi: abis.rewardPool } as const
  let chunkSectors: Promise<bigint> | undefined

  async function readStream(chunk: bigint): Promise<Stream> {
    const [[locked, claimable, paid, , since], end] = await Promise.all([
      ledger.read({ ...pool, functionName: 'rewards', args: [chunk] }),
      ledger.read({ ...pool, functionName: 'rewardDeadline', args: [chunk] }),
    ])
    return { locked, claimable, paid, sinceSeconds: BigInt(since), endSeconds: end }
  }

  return async (globalSegments) => {
    chunkSectors ??= ledger.read({ ...pool, functionName: 'chunkSectors' })
    const [sectors, [, nowSeconds], baseWei, leftWei] = await Promise.all([
      chunkSectors,
      ledger.read({ ...pool, functionName: 'firstRewardableChunk' }),
      ledger.read({ ...pool, functionName: 'baseReward' }),
      ledger.read({ ...pool, functionName: 'totalBaseReward' }),
    ])
    const isCovered = baseWei <= leftWei
    const base = isCovered ? baseWei : leftWei
    const chunks = globalSegments.slice(0, paySegmentsMax).map((at) => BigInt(at * segmentSectors) / sectors)
    const streams = new Map([...new Set(chunks)].map((chunk) => [chunk, readStream(chunk)]))
    return Promise.all(chunks.map(async (chunk) => payFrom(await streams.get(chunk)!, nowSeconds, base)))
  }
}

/** Half of what is claimable, and the base reward while the chunk is paid for. */
export function payFrom(stream: Stream, nowSeconds: bigint, baseWei: bigint): bigint {
  const { locked, claimable, paid, sinceSeconds, endSeconds } = stream
  const isPaidFor = endSeconds > nowSeconds
  const moved = paid + claimable
  const released = isPaidFor
    ? ((locked + moved) * (nowSeconds - sinceSeconds)) / (endSeconds - sinceSeconds)
    : locked + moved
  const fresh = sinceSeconds > 0n && released > moved ? released - moved : 0n
  return (claimable + fresh) / 2n + (isPaidFor ? baseWei : 0n)
}
