/**
 * Fetches k rows of each stripe that this node lacks and makes its own row out of them: k fragments move for one, more only
 * where a holder fails or lies. Spec: storage §13.
 */
import { joinUrl } from '@weightless/blobs'
import { type Hex, hexToBytes, WeightlessError } from '@weightless/codec'
import type { FileShape } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import {
  checkFragment,
  decodeFragmentFrame,
  fragmentFrameBytesMax,
  hasRow,
  type NodeRecord,
  type SignedPlacement,
} from '../../wire/index.ts'
import type { FragmentStore } from '../fragmentStore.ts'
import type { ByteRate } from './byteRate.ts'
import type { RebuildWish, Rebuilt } from './rebuildTask.ts'

export type RebuildParts = {
  env: Pick<Env, 'clock' | 'network' | 'tasks'>
  fragments: FragmentStore
  findNode(nodeId: Hex): NodeRecord | undefined
  rate: ByteRate
  /** A fragment has come over the network, whether it was of use or not. */
  onFetched(bytes: number): void
  onRebuilt(): void
}

export type RebuildJob = {
  placement: SignedPlacement
  row: number
  fileKey: string
  shape: FileShape
}

const taskModule = new URL('./rebuildTask.ts', import.meta.url)
const timeoutMs = 20_000

/** Makes one stripe of the row durable. @throws {StripeLostError} {NoRoomError} {AbortedError} */
export async function rebuildStripe(
  parts: RebuildParts,
  job: RebuildJob,
  stripe: number,
  signal: AbortSignal,
): Promise<void> {
  const { placement, row, shape, fileKey } = job
  const { root, sizeBytes, dataRows, parityRows } = placement
  const sources = sourcesOf(parts, job, stripe)
  const needed = Math.min(dataRows, shape.segments - stripe * dataRows)
  let frames: RebuildWish['frames'] = []
  for (;;) {
    while (frames.length < needed) {
      const asked = sources.splice(0, needed - frames.length)
      if (asked.length === 0) throw new StripeLostError({ root, stripe, needed, found: frames.length })
      const found = await Promise.all(asked.map((source) => fetchFrame(parts, placement, source, stripe, signal)))
      frames.push(...found.filter((frame) => frame !== undefined))
    }
    const wish: RebuildWish = { root, sizeBytes, dataRows, parityRows, stripe, row, frames }
    const moved = frames.map(({ bytes }) => bytes.buffer)
    const rebuilt = await parts.env.tasks.run<Rebuilt>(taskModule, wish, moved)
    if ('frame' in rebuilt) {
      await keep(parts, job, rebuilt.frame)
      return
    }
    const forged = new Set(rebuilt.forged.map((each) => each.row))
    frames = rebuilt.frames.filter((frame) => !forged.has(frame.row))
  }

  async function keep({ fragments, onRebuilt }: RebuildParts, { shape }: RebuildJob, bytes: Uint8Array): Promise<void> {
    const frame = decodeFragmentFrame(bytes)
    // What we made ourselves passes the same check as what others send.
    const checked = frame.ok ? checkFragment(hexToBytes(root), shape, frame.value) : frame
    if (!checked.ok) throw new StripeLostError({ root, stripe, needed, found: needed })
    if (!(await fragments.add(fileKey, stripe, bytes))) throw new NoRoomError({ root, stripe })
    onRebuilt()
  }
}

type Source = { row: number; node: NodeRecord }

/** Other rows whose holders are there, data rows first: with them nothing need be decoded. */
function sourcesOf({ findNode }: RebuildParts, { placement, row, shape }: RebuildJob, stripe: number): Source[] {
  return placement.holders.flatMap((holder, other) => {
    const node = other === row || !hasRow(shape, placement.dataRows, stripe, other) ? undefined : findNode(holder)
    return node ? [{ row: other, node }] : []
  })
}

async function fetchFrame(
  { env, rate, onFetched }: RebuildParts,
  { root, sizeBytes }: SignedPlacement,
  { row, node }: Source,
  stripe: number,
  signal: AbortSignal,
): Promise<RebuildWish['frames'][number] | undefined> {
  await rate.take(262_144, signal)
  const path = `/fragments/${root}?sizeBytes=${sizeBytes}&row=${row}&from=${stripe}&to=${stripe + 1}`
  try {
    const response = await env.network.fetch(joinUrl(node.url, path), { signal, timeoutMs })
    const body = await response.bytes(fragmentFrameBytesMax + 4)
    if (response.status !== 200 || body.length < 5) return undefined
    onFetched(body.length)
    // A copy in a buffer of its own, because it is moved to a worker: a small body is a view into a shared pool.
    return { row, bytes: new Uint8Array(body.subarray(4)) }
  } catch (fault) {
    if (signal.aborted) throw fault
    return undefined
  }
}

/** Too few rows of a stripe can be had now. */
export class StripeLostError extends WeightlessError {
  constructor(facts: { root: Hex; stripe: number; needed: number; found: number }) {
    super('storage/stripe-lost', 'Too few rows of a stripe can be fetched to rebuild another.', facts)
  }
}

export class NoRoomError extends WeightlessError {
  constructor(facts: { root: Hex; stripe: number }) {
    super('storage/no-room', 'The disk has no room for a rebuilt fragment.', facts)
  }
}
