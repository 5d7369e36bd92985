/**
 * A file of the storage network opened by its root: any range of it, each segment proved before a byte of it is handed
 * out, a few recent segments kept, the next node asked where one fails. Spec: storage §8.
 */
import { type Hex, WeightlessError } from '@weightless/codec'
import { type FileShape, fileShape, segmentBytes } from '@weightless/crypto'
import { AbortedError } from '@weightless/env'
import type { SignedPlacement } from '@weightless/storage/wire'
import { fetchSegment } from './fetchSegment.ts'
import { askFileInfo, BlobMissingError, locateFile } from './findNodes.ts'
import { StripeUnreadableError } from './gather/gatherStripes.ts'
import type { HolderHealth } from './gather/holderHealth.ts'
import { openPlaced, type PlacedFile } from './gather/openPlaced.ts'
import { askLocation } from './network/askIndexer.ts'
import type { TransferParts } from './network/transferParts.ts'
import { runParallel } from './runParallel.ts'

export type OpenedBlob = {
  root: Hex
  /** As the submission says it: the root covers the content padded with zeros, not the length. */
  sizeBytes: number
  /** `length` bytes at `offset`, shorter only at the end. @throws {BlobUnreadableError} when no node gives a proved segment */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>
  /** All bytes in order, some segments ahead of the reader. */
  stream(options?: { signal?: AbortSignal; offset?: number }): AsyncGenerator<Uint8Array>
}

export type OpenParts = TransferParts & { indexerUrl: string; health: HolderHealth }

const cachedSegmentsMax = 16
const parallelMax = 6

/** Where segments come from, one by one or in runs. */
type SegmentReader = {
  sizeBytes: number
  segment(index: number, signal?: AbortSignal): Promise<Uint8Array>
  run(from: number, to: number, signal?: AbortSignal): AsyncGenerator<Uint8Array>
}

export async function openBlob(parts: OpenParts, root: Hex, signal?: AbortSignal): Promise<OpenedBlob> {
  const reader = (await openCoded(parts, root, signal)) ?? (await openWhole(parts, root, signal))
  const shape = fileShape(reader.sizeBytes)
  const cache = createSegmentCache(reader)
  return {
    root,
    sizeBytes: shape.sizeBytes,
    async read(offset, length, readSignal) {
      const end = Math.min(shape.sizeBytes, offset + length)
      if (offset < 0 || offset >= end) return new Uint8Array(0)
      const first = Math.floor(offset / segmentBytes)
      const indices = Array.from({ length: Math.ceil(end / segmentBytes) - first }, (_, i) => first + i)
      const bytes = new Uint8Array(end - offset)
      const place = (index: number, data: Uint8Array): void => {
        const start = index * segmentBytes
        const part = data.subarray(Math.max(0, offset - start), Math.max(0, end - start))
        bytes.set(part, Math.max(0, start - offset))
      }
      if (indices.length <= cachedSegmentsMax) {
        await runParallel(indices, parallelMax, async (index) => place(index, await cache(index, readSignal)))
        return bytes
      }
      let index = first
      for await (const data of reader.run(first, first + indices.length, readSignal)) place(index++, data)
      return bytes
    },
    async *stream({ signal: readSignal, offset = 0 } = {}) {
      let start = Math.floor(offset / segmentBytes) * segmentBytes
      if (start >= shape.sizeBytes) return
      for await (const data of reader.run(start / segmentBytes, shape.segments, readSignal)) {
        yield data.subarray(Math.max(0, offset - start), shape.sizeBytes - start)
        start += segmentBytes
      }
    },
  }
}

/** A few recent segments; readers of the same one wait for the same fetch. */
function createSegmentCache(reader: SegmentReader): SegmentReader['segment'] {
  const cache = new Map<number, Promise<Uint8Array>>()
  return async (index, signal) => {
    const cached = cache.get(index)
    try {
      if (cached) return await cached
    } catch (fault) {
      // Another reader called off what both were waiting for.
      if (!(fault instanceof AbortedError) || signal?.aborted) throw fault
    }
    const loading = reader.segment(index, signal)
    cache.set(index, loading)
    loading.catch(() => cache.delete(index))
    if (cache.size > cachedSegmentsMax) cache.delete(cache.keys().next().value!)
    return loading
  }
}

/** From the holders of a placement; a repair may move rows meanwhile, so it is asked for once more when they do not suffice. */
async function openCoded(parts: OpenParts, root: Hex, signal?: AbortSignal): Promise<SegmentReader | undefined> {
  const found = await locatePlaced(parts, root, signal)
  if (!found) return undefined
  let file = found
  const { sizeBytes } = file

  async function again(fault: unknown, index: number, readSignal?: AbortSignal): Promise<PlacedFile> {
    if (!(fault instanceof StripeUnreadableError)) throw fault
    const moved = await locatePlaced(parts, root, readSignal)
    const reason = JSON.stringify(fault.facts)
    if (!moved) throw new BlobUnreadableError({ root, segmentIndex: index, reason }, fault)
    file = moved
    return moved
  }

  const unreadable = (index: number) => (fault: unknown) => {
    if (!(fault instanceof StripeUnreadableError)) throw fault
    throw new BlobUnreadableError({ root, segmentIndex: index, reason: JSON.stringify(fault.facts) }, fault)
  }

  return {
    sizeBytes,
    async segment(index, readSignal) {
      try {
        return (await file.segment(index, readSignal)).data
      } catch (fault) {
        const moved = await again(fault, index, readSignal)
        return (await moved.segment(index, readSignal).catch(unreadable(index))).data
      }
    },
    async *run(from, to, readSignal) {
      let index = from
      try {
        for await (const data of file.readSegments(index, to, readSignal)) {
          yield data
          index++
        }
      } catch (fault) {
        const moved = await again(fault, index, readSignal)
        try {
          yield* moved.readSegments(index, to, readSignal)
        } catch (second) {
          unreadable(index)(second)
        }
      }
    },
  }
}

async function locatePlaced(parts: OpenParts, root: Hex, signal?: AbortSignal): Promise<PlacedFile | undefined> {
  const location = await askLocation(parts, parts.indexerUrl, root, signal)
  // Anybody may submit a root with another size; what more holders signed for is the likelier one.
  const placements = [...(location?.placements ?? [])].sort((a, b) => signedRows(b) - signedRows(a))
  return placements[0] && openPlaced(parts, placements[0], location!.nodes, parts.health)
}

function signedRows({ signatures }: SignedPlacement): number {
  return signatures.filter((signature) => signature !== null).length
}

/** From nodes that keep the file whole, and from gateways that have not spread it yet. */
async function openWhole(parts: OpenParts, root: Hex, signal?: AbortSignal): Promise<SegmentReader> {
  const { network, indexerUrl, timeoutMs } = parts
  const options = { timeoutMs, ...(signal ? { signal } : {}) }
  const nodeUrls = await locateFile(network, indexerUrl, root, options)
  const known = await askFileInfo(network, nodeUrls, root, options)
  if (!known) throw new BlobMissingError({ root })
  const shape = fileShape(known.info.tx.size)
  const segment = (index: number, readSignal?: AbortSignal) =>
    fetchFromAny(parts, nodeUrls, { root, shape, index }, readSignal)
  return {
    sizeBytes: shape.sizeBytes,
    segment,
    async *run(from, to, readSignal) {
      const ahead: Promise<Uint8Array>[] = []
      for (let index = from; index < to; index++) {
        while (ahead.length <= parallelMax && index + ahead.length < to) {
          const loading = segment(index + ahead.length, readSignal)
          loading.catch(() => undefined)
          ahead.push(loading)
        }
        yield await ahead.shift()!
      }
    },
  }
}

async function fetchFromAny(
  { network, timeoutMs }: OpenParts,
  nodeUrls: readonly string[],
  wish: { root: Hex; shape: FileShape; index: number },
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const faults: unknown[] = []
  // Two rounds: one refusal may be a hiccup, two from every node are an answer.
  for (const nodeUrl of [...nodeUrls, ...nodeUrls]) {
    if (signal?.aborted) throw new AbortedError({ cause: signal.reason })
    try {
      return (await fetchSegment(network, nodeUrl, wish, { timeoutMs, ...(signal ? { signal } : {}) })).data
    } catch (fault) {
      faults.push(fault)
    }
  }
  const reason = faults.map((fault) => (fault instanceof Error ? fault.message : String(fault))).join('; ')
  throw new BlobUnreadableError({ root: wish.root, segmentIndex: wish.index, reason: reason.slice(0, 500) }, faults[0])
}

export class BlobUnreadableError extends WeightlessError {
  constructor(facts: { root: Hex; segmentIndex: number; reason: string }, cause: unknown) {
    super('blobs/blob-unreadable', 'No node gave this segment with a proof.', facts, { cause })
  }
}
