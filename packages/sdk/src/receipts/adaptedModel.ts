/** The model that a receipt names where it has an adapter: the model's file, and the adapter's behind it. Spec: spec/dispute.md §3.4, §10.5 */
import { bytesToHex, type Hex } from '@weightless/codec'
import { adapterBytesMax, type ShownAdapter } from '@weightless/compute/wire'
import {
  fileTree,
  openProven,
  type ProvenSource,
  SegmentDamagedError,
  SegmentRootsForeignError,
} from '@weightless/crypto'
import { fileShape, segmentBytes } from '@weightless/crypto/fileShape'
import { adaptedModelRoot, type ByteSource, bytesSource } from '@weightless/tensor'
import { joinSources } from '@weightless/tensor/byteSource'
import { dataStartOf } from '@weightless/tensor/safetensors/readSafetensors'
import { type ModelFile, proveModel } from './requireWeights.ts'

export type AdaptedModel = {
  base: ProvenSource
  adapter: Uint8Array | undefined
  /** Both files as one. */
  source: ByteSource
}

/** Undefined for other weights, or another adapter. */
export async function requireModel(
  weights: ModelFile,
  adapter: Uint8Array | undefined,
  modelRoot: Hex,
  signal?: AbortSignal,
): Promise<AdaptedModel | undefined> {
  if (adapter && (adapter.length === 0 || adapter.length > adapterBytesMax)) return undefined
  const base = await proveModel(weights, signal)
  if (!base) return undefined
  const root = base.root.toLowerCase() as Hex
  const named = adapter ? adaptedModelRoot(root, bytesToHex(fileTree(adapter).root)) : root
  if (named !== modelRoot.toLowerCase()) return undefined
  return { base, adapter, source: adapter ? joinSources(base, bytesSource(adapter)) : base }
}

/** The segments of the adapter that judging reads: its head, and what a number is made from. @param range - of both files as one */
export function showAdapter(
  { base, adapter }: AdaptedModel,
  range: { from: number; count: number } | undefined,
): ShownAdapter | undefined {
  if (!adapter) return undefined
  const { root, tree, shape } = fileTree(adapter)
  const wanted = new Set(segmentsOf(0, dataStartOf(adapter)))
  const from = range && range.from - base.sizeBytes
  if (range && from !== undefined && from >= 0) for (const each of segmentsOf(from, range.count)) wanted.add(each)
  return {
    base: base.root.toLowerCase() as Hex,
    root: bytesToHex(root),
    sizeBytes: adapter.length,
    segmentRoots: tree.levels[0]!.slice(0, 32 * shape.segments),
    segments: [...wanted].map((segment) => ({
      segment,
      bytes: adapter.slice(segment * segmentBytes, (segment + 1) * segmentBytes),
    })),
  }
}

function segmentsOf(from: number, count: number): number[] {
  const first = Math.floor(from / segmentBytes)
  const last = Math.floor((from + count - 1) / segmentBytes)
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

/**
 * What is shown of an adapter, each segment proved by its root.
 * @returns `file` has zeros where nothing is shown; `read` throws {BytesNotShownError} there
 */
export async function openShown(
  shown: ShownAdapter,
): Promise<{ file: Uint8Array; source: ByteSource } | { reason: string }> {
  const { root, sizeBytes, segmentRoots, segments } = shown
  const { segments: count } = fileShape(sizeBytes)
  const held = new Map(segments.map(({ segment, bytes }) => [segment, bytes]))
  const file = new Uint8Array(sizeBytes)
  const read = async (offset: number, length: number) => {
    for (const segment of segmentsOf(offset, length)) if (!held.has(segment)) throw new BytesNotShownError()
    return file.subarray(offset, offset + length)
  }
  try {
    for (const [segment, bytes] of held) {
      const isFitting = bytes.length === Math.min(segmentBytes, sizeBytes - segment * segmentBytes)
      if (segment >= count || !isFitting) return { reason: 'a segment of the adapter has another size' }
      file.set(bytes, segment * segmentBytes)
    }
    const proven = openProven(root, segmentRoots, { sizeBytes, read })
    for (const [segment, bytes] of held) await proven.read(segment * segmentBytes, bytes.length)
    return { file, source: { sizeBytes, read } }
  } catch (error) {
    const isForeign = error instanceof SegmentRootsForeignError || error instanceof SegmentDamagedError
    if (isForeign) return { reason: 'what is shown of the adapter is not of its root' }
    throw error
  }
}

/** No fault: the file lacks a segment that judging needs. */
export class BytesNotShownError extends Error {}
