/**
 * A file of the storage network opened by its root: any range of it, each segment proved before a byte of it is handed
 * out, a few recent segments kept, the next node asked where one fails. Spec: storage §8.
 */
import { type Hex, WeightlessError } from '@weightless/codec'
import { type FileShape, fileShape, segmentBytes } from '@weightless/crypto'
import { AbortedError, type Network } from '@weightless/env'
import { fetchSegment } from './fetchSegment.ts'
import { askFileInfo, BlobMissingError, locateFile } from './findNodes.ts'
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

export type OpenParts = { network: Network; indexerUrl: string; timeoutMs: number }

const cachedSegmentsMax = 16
const parallelMax = 6

export async function openBlob(parts: OpenParts, root: Hex, signal?: AbortSignal): Promise<OpenedBlob> {
  const { network, indexerUrl, timeoutMs } = parts
  const options = { timeoutMs, ...(signal ? { signal } : {}) }
  const nodeUrls = await locateFile(network, indexerUrl, root, options)
  const known = await askFileInfo(network, nodeUrls, root, options)
  if (!known) throw new BlobMissingError({ root })
  const shape = fileShape(known.info.tx.size)
  const cache = new Map<number, Promise<Uint8Array>>()

  async function segment(index: number, readSignal?: AbortSignal): Promise<Uint8Array> {
    const cached = cache.get(index)
    try {
      if (cached) return await cached
    } catch (fault) {
      // Another reader called off what both were waiting for.
      if (!(fault instanceof AbortedError) || readSignal?.aborted) throw fault
    }
    const loading = fetchFromAny(parts, nodeUrls, { root, shape, index }, readSignal)
    cache.set(index, loading)
    loading.catch(() => cache.delete(index))
    if (cache.size > cachedSegmentsMax) cache.delete(cache.keys().next().value!)
    return loading
  }

  return {
    root,
    sizeBytes: shape.sizeBytes,
    async read(offset, length, readSignal) {
      const end = Math.min(shape.sizeBytes, offset + length)
      if (offset < 0 || offset >= end) return new Uint8Array(0)
      const first = Math.floor(offset / segmentBytes)
      const indices = Array.from({ length: Math.ceil(end / segmentBytes) - first }, (_, i) => first + i)
      const bytes = new Uint8Array(end - offset)
      await runParallel(indices, parallelMax, async (index) => {
        const data = await segment(index, readSignal)
        const start = index * segmentBytes
        const part = data.subarray(Math.max(0, offset - start), Math.max(0, end - start))
        bytes.set(part, Math.max(0, start - offset))
      })
      return bytes
    },
    async *stream({ signal: readSignal, offset = 0 } = {}) {
      const last = shape.segments - 1
      for (let index = Math.floor(offset / segmentBytes); index <= last; index++) {
        for (let ahead = index + 1; ahead <= Math.min(last, index + parallelMax); ahead++) {
          segment(ahead, readSignal).catch(() => undefined)
        }
        const data = await segment(index, readSignal)
        const start = index * segmentBytes
        yield data.subarray(Math.max(0, offset - start), shape.sizeBytes - start)
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
