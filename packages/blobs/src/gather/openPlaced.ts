/**
 * A file opened by its placement: any segment or run of segments, each proved against the file root before it is handed
 * out, straight from the holders of its rows. Spec: storage §10, §12.
 */
import { type Hex, hexToBytes } from '@weightless/codec'
import { fileShape, segmentBytes } from '@weightless/crypto'
import { AbortedError } from '@weightless/env'
import {
  checkFragmentForm,
  checkFragmentSegment,
  decodeFragmentFrame,
  hasRow,
  type NodeRecord,
  type SegmentFrame,
  type SignedPlacement,
} from '@weightless/storage/wire'
import type { TransferParts } from '../network/transferParts.ts'
import { type GatherParts, StripeGatherer, StripeUnreadableError } from './gatherStripes.ts'
import { createHolderHealth, type HolderHealth } from './holderHealth.ts'
import openStripe, { type OpenedStripe, type RowFrame, type StripeWish } from './openStripeTask.ts'
import { openRowStream } from './rowStream.ts'

export type PlacedFile = {
  root: Hex
  sizeBytes: number
  segments: number
  placement: SignedPlacement
  /**
   * Segments [from, to) in order, whole sectors, some stripes ahead of the reader.
   * @throws {StripeUnreadableError} {AbortedError}
   */
  readSegments(from: number, to: number, signal?: AbortSignal): AsyncGenerator<Uint8Array>
  /** One segment with its proof: one fragment moves while its holder is well. @throws {StripeUnreadableError} {AbortedError} */
  segment(index: number, signal?: AbortSignal): Promise<SegmentFrame>
  /** Bytes [from, to) of the file. */
  stream(from: number, to: number, signal?: AbortSignal): AsyncGenerator<Uint8Array>
}

const taskModule = new URL('./openStripeTask.ts', import.meta.url)
/** A lone segment that is not there by then is decoded from other rows. */
const loneHedgeMs = 150

/**
 * @param nodes records of the live holders; others are not asked
 * @param health shared between files, so that what one read has learnt of a holder another one knows
 */
export function openPlaced(
  parts: TransferParts,
  placement: SignedPlacement,
  nodes: readonly NodeRecord[],
  health: HolderHealth = createHolderHealth(parts.clock),
): PlacedFile {
  const shape = fileShape(placement.sizeBytes)
  const byId = new Map(nodes.map((node) => [node.nodeId, node]))
  const gather: GatherParts = { ...parts, placement, shape, nodes: byId, health }

  async function* readSegments(from: number, to: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    let index = from - (from % placement.dataRows)
    for await (const { segments } of openStripes(gather, from, to, new Set(), signal)) {
      for (const { data } of segments!) {
        if (index >= from && index < to) yield data
        index++
      }
    }
  }

  return {
    root: placement.root,
    sizeBytes: shape.sizeBytes,
    segments: shape.segments,
    placement,
    readSegments,
    segment: (index, signal) => readLone(gather, index, signal),
    async *stream(from, to, signal) {
      const end = Math.min(to, shape.sizeBytes)
      if (from >= end) return
      let at = from - (from % segmentBytes)
      for await (const data of readSegments(at / segmentBytes, Math.ceil(end / segmentBytes), signal)) {
        yield data.subarray(Math.max(0, from - at), Math.min(data.length, end - at))
        at += data.length
      }
    },
  }
}

/** The stripes of segments [from, to), opened: collected in order, checked a few at a time. */
async function* openStripes(
  gather: GatherParts,
  from: number,
  to: number,
  without: ReadonlySet<number>,
  signal: AbortSignal | undefined,
  withProofs = false,
): AsyncGenerator<OpenedStripe> {
  const { dataRows } = gather.placement
  const end = Math.ceil(to / dataRows)
  const gatherer = new StripeGatherer(gather, end, without)
  const checkingMax = gather.tasks ? gather.tasks.workersMax + 1 : 1
  const checking: Promise<OpenedStripe>[] = []
  let next = Math.floor(from / dataRows)
  try {
    while (next < end || checking.length > 0) {
      while (next < end && checking.length < checkingMax) {
        const stripe = next++
        const frames = await gatherer.collect(stripe, neededRows(gather, stripe), signal)
        const opening = openChecked(gather, gatherer, stripe, frames, withProofs, signal)
        opening.catch(() => undefined)
        checking.push(opening)
      }
      yield await checking.shift()!
    }
  } finally {
    gatherer.close()
  }
}

/** Rows beyond the end of the file are zeros and need not be fetched. */
function neededRows({ placement, shape }: GatherParts, stripe: number): number {
  return [...Array(placement.dataRows).keys()].filter((row) => hasRow(shape, placement.dataRows, stripe, row)).length
}

/** Opens a stripe; rows that lie are left, and others are asked for this stripe alone. */
async function openChecked(
  gather: GatherParts,
  gatherer: StripeGatherer,
  stripe: number,
  collected: readonly RowFrame[],
  withProofs: boolean,
  signal: AbortSignal | undefined,
): Promise<OpenedStripe> {
  const { root, sizeBytes, dataRows, parityRows } = gather.placement
  const forged = new Set<number>()
  let frames = [...collected]
  for (;;) {
    const opened = await runOpen(gather, { root, sizeBytes, dataRows, parityRows, stripe, frames, withProofs })
    if (opened.segments) return opened
    for (const { row, detail } of opened.forged) {
      forged.add(row)
      gatherer.leave(row, 'forged', detail)
    }
    const good = opened.frames.filter(({ row }) => !forged.has(row))
    const others = new StripeGatherer(gather, stripe + 1, new Set([...forged, ...good.map(({ row }) => row)]))
    try {
      frames = [...good, ...(await others.collect(stripe, neededRows(gather, stripe) - good.length, signal))]
    } finally {
      others.close()
    }
  }
}

function runOpen({ tasks }: GatherParts, wish: StripeWish): Promise<OpenedStripe> {
  if (!tasks) return Promise.resolve(openStripe(wish))
  const moved = wish.frames.map(({ bytes }) => bytes.buffer)
  return tasks.run<OpenedStripe>(taskModule, wish, moved)
}

async function readLone(gather: GatherParts, index: number, signal: AbortSignal | undefined): Promise<SegmentFrame> {
  const row = index % gather.placement.dataRows
  const lone = await fetchLone(gather, index, signal)
  if (lone) return lone
  try {
    return await readDecoded(gather, index, new Set([row]), signal)
  } catch (fault) {
    // Without the late one too few rows are left: then it is waited for.
    if (!(fault instanceof StripeUnreadableError)) throw fault
    return readDecoded(gather, index, new Set(), signal)
  }
}

async function readDecoded(
  gather: GatherParts,
  index: number,
  without: ReadonlySet<number>,
  signal: AbortSignal | undefined,
): Promise<SegmentFrame> {
  const { sizeBytes, segments: count } = gather.shape
  const row = index % gather.placement.dataRows
  const end = Math.min(index - row + gather.placement.dataRows, count)
  for await (const { segments } of openStripes(gather, index - row, end, without, signal, true)) {
    const { data, proof } = segments![row]!
    return { sizeBytes, index, proof: proof ?? { lemma: [], path: [] }, data }
  }
  throw new AbortedError()
}

/** The segment from the holder of its row; undefined when it is late, missing or wrong. */
async function fetchLone(
  gather: GatherParts,
  index: number,
  signal: AbortSignal | undefined,
): Promise<SegmentFrame | undefined> {
  const { placement, shape, nodes, health, clock, onBadHolder } = gather
  const { root, sizeBytes, dataRows, holders, parityRows } = placement
  const row = index % dataRows
  const stripe = (index - row) / dataRows
  const node = nodes.get(holders[row]!)
  if (!node || (health.isSick(node.nodeId) && parityRows > 0)) return undefined
  const control = new AbortController()
  const leave = (): void => control.abort()
  signal?.addEventListener('abort', leave, { once: true })
  let wake = leave
  const stream = openRowStream(gather, node, { root, sizeBytes, row, from: stripe, to: stripe + 1 }, 2, () => wake())
  try {
    const limitMs = parityRows > 0 ? loneHedgeMs : gather.timeoutMs
    const late = clock.sleep(limitMs, control.signal).then(
      () => 'late' as const,
      () => 'left' as const,
    )
    for (;;) {
      if (signal?.aborted) throw new AbortedError({ cause: signal.reason })
      const found = stream.look(stripe)
      if (found instanceof Uint8Array) {
        const read = decodeFragmentFrame(found)
        const frame = read.ok && read.value.row === row && read.value.dataRows === dataRows ? read.value : undefined
        const isForm = frame && frame.stripe === stripe && checkFragmentForm(shape, frame).ok
        if (isForm && checkFragmentSegment(hexToBytes(root), shape, frame).ok) {
          return { sizeBytes, index, proof: frame.segmentProof!, data: frame.data }
        }
      }
      if (found !== 'pending') {
        health.markSick(node.nodeId)
        const fault = found === 'missing' ? 'missing' : found === 'failed' ? 'unreachable' : 'forged'
        onBadHolder?.({ nodeId: node.nodeId, url: node.url, root, row, fault, detail: `stripe ${stripe}` })
        return undefined
      }
      const changed = new Promise<'changed'>((resolve) => {
        wake = () => resolve('changed')
      })
      if ((await Promise.race([changed, late])) === 'late') return undefined
    }
  } finally {
    signal?.removeEventListener('abort', leave)
    control.abort()
    stream.close()
  }
}
