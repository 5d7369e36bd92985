/**
 * One worker's share of the recall loop: draw a batch of nonces, read what they recall, try it. Reading runs one segment
 * ahead of trying. Spec: mining §4.
 */
import { uintToBytes } from '@weightless/codec'
import { loadSeals } from '@weightless/crypto'
import type { Env, TaskPort } from '@weightless/env'
import type { MinableSegments, SealedSegment } from './minableSegments.ts'
import type { MineReply, MineRequest } from './mineWorker.ts'
import type { Puzzle } from './readWork.ts'

/** A seal that is an answer. */
export type Hit = {
  puzzle: Puzzle
  nonce: Uint8Array
  /** First sector of the recalled segment. */
  load: number
  /** Index of the seal within it. */
  seal: number
  sealedData: Uint8Array
  sealedContextDigest: Uint8Array
}

export type RecallCount = { nonces: number; recalls: number; seals: number }

export type Recaller = {
  /** Tries one batch; ends early once `isStale` says so. */
  recall(puzzle: Puzzle, minerId: Uint8Array, isStale: () => boolean): Promise<{ hits: Hit[]; count: RecallCount }>
  close(): Promise<void>
}

const sealBytes = 4096
const segmentSectors = 1024

export function openRecaller(
  { tasks, random }: Pick<Env, 'tasks' | 'random'>,
  segments: MinableSegments,
  batchNonces: number,
): Recaller {
  const port = tasks.open(new URL('./mineWorker.ts', import.meta.url), undefined)
  const replies = port.messages[Symbol.asyncIterator]()
  const nextNonces = createNonces(random.bytes(24))
  return {
    async recall(puzzle, minerId, isStale) {
      const nonces = nextNonces(batchNonces)
      const { work, range, rangeDigest } = puzzle
      const { subtaskDigest } = work
      const drawn = await ask(port, replies, { kind: 'draw', minerId, subtaskDigest, rangeDigest, range, nonces })
      const loads = drawn.kind === 'drawn' ? drawn.loads : []
      const count = { nonces: loads.length, recalls: 0, seals: 0 }
      const hits: Hit[] = []
      const wanted = loads.flatMap((load, index) =>
        load >= 0 && segments.has(load / segmentSectors) ? [{ load, index }] : [],
      )
      const read = (at: number) => readQuietly(segments, wanted[at])
      let ahead = read(0)
      for (const [at, { load, index }] of wanted.entries()) {
        const segment = await ahead
        if (isStale()) break
        ahead = read(at + 1)
        if (!segment || segment.sealedMask === 0n) continue
        count.recalls++
        count.seals += countBits(segment.sealedMask)
        const { sealed, sealedMask } = segment
        const tried = await ask(port, replies, { kind: 'try', index, sealed, sealedMask, target: puzzle.target })
        for (const seal of tried.kind === 'tried' ? tried.hits : []) {
          const nonce = nonces.slice(32 * index, 32 * index + 32)
          const hit = hitOf(puzzle, nonce, load, seal, segment)
          if (hit) hits.push(hit)
        }
      }
      return { hits, count }
    },
    close: () => port.close(),
  }
}

async function ask(port: TaskPort, replies: AsyncIterator<unknown>, request: MineRequest): Promise<MineReply> {
  port.send(request)
  const { value, done } = await replies.next()
  // The worker ends only when it is closed: then nothing was found.
  return done ? { kind: 'tried', hits: [] } : (value as MineReply)
}

async function readQuietly(
  segments: MinableSegments,
  wanted: { load: number } | undefined,
): Promise<SealedSegment | undefined> {
  if (!wanted) return undefined
  // What cannot be read cannot be mined; the store reports its own damage.
  return segments.readSealed(wanted.load / segmentSectors).catch(() => undefined)
}

function hitOf(puzzle: Puzzle, nonce: Uint8Array, load: number, seal: number, segment: SealedSegment): Hit | undefined {
  const sealedContextDigest = segment.contextDigests[seal]
  const sealedData = segment.sealed.slice(sealBytes * seal, sealBytes * seal + sealBytes)
  return sealedContextDigest && { puzzle, nonce, load, seal, sealedData, sealedContextDigest }
}

/** Random above, counted below: no two workers or runs try the same. */
function createNonces(prefix: Uint8Array): (count: number) => Uint8Array {
  let next = 0n
  return (count) => {
    const nonces = new Uint8Array(32 * count)
    for (let index = 0; index < count; index++) {
      nonces.set(prefix, 32 * index)
      nonces.set(uintToBytes(next++, 8), 32 * index + 24)
    }
    return nonces
  }
}

function countBits(mask: bigint): number {
  let count = 0
  for (let index = 0n; index < loadSeals; index++) count += Number((mask >> index) & 1n)
  return count
}
