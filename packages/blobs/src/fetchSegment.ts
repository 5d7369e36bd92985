/** Fetches one segment from any node and proves that it belongs to the file root before anybody sees it. Spec: storage §5, §8. */
import { bytesToText, type Hex, hexToBytes, WeightlessError } from '@weightless/codec'
import { checkSegment, type FileShape } from '@weightless/crypto'
import type { Network } from '@weightless/env'
import { decodeSegmentFrame, type SegmentFrame, segmentFrameBytesMax } from '@weightless/storage/wire'
import { type CallOptions, joinUrl } from './callNode.ts'

export type SegmentWish = { root: Hex; shape: FileShape; index: number }

/**
 * @returns the frame, checked against `root` and `shape`
 * @throws {SegmentMissingError} when the node does not have it
 * @throws {SegmentForgedError} when what it sent does not belong to the root
 * @throws {NetworkError} when no answer comes
 */
export async function fetchSegment(
  network: Network,
  nodeUrl: string,
  { root, shape, index }: SegmentWish,
  { signal, timeoutMs = 30_000 }: CallOptions = {},
): Promise<SegmentFrame> {
  const url = joinUrl(nodeUrl, `/segment/${root}/${index}`)
  const response = await network.fetch(url, { timeoutMs, ...(signal ? { signal } : {}) })
  const bytes = await response.bytes(segmentFrameBytesMax)
  if (response.status !== 200) {
    throw new SegmentMissingError({ url, status: response.status, answer: bytesToText(bytes.subarray(0, 200)) })
  }
  const frame = decodeSegmentFrame(bytes)
  if (!frame.ok) throw new SegmentForgedError({ url, reason: frame.detail ?? frame.code })
  if (frame.value.index !== index) throw new SegmentForgedError({ url, reason: 'another segment' })
  const checked = checkSegment(hexToBytes(root), shape, index, frame.value.data, frame.value.proof)
  if (!checked.ok) throw new SegmentForgedError({ url, reason: checked.detail ?? checked.code })
  return frame.value
}

export class SegmentMissingError extends WeightlessError {
  constructor(facts: { url: string; status: number; answer: string }) {
    super('blobs/segment-missing', 'The node does not have this segment.', facts)
  }
}

export class SegmentForgedError extends WeightlessError {
  constructor(facts: { url: string; reason: string }) {
    super('blobs/segment-forged', 'The node sent bytes that do not belong to the root.', facts)
  }
}
