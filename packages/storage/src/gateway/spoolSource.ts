/** A complete file in the spool as a source for coding: its bytes, and its tree from the proofs that lie beside them. Spec: storage §13. */
import type { BlobSource } from '@weightless/blobs'
import { bytesEqual, freeBuffer, hexToBytes, WeightlessError } from '@weightless/codec'
import { type FileTree, fileTreeFromRoots, segmentBytes, treeRoot } from '@weightless/crypto'
import { type Content, type ContentReader, readFrame } from '../node/readContent.ts'
import type { Submission } from '../node/submission.ts'
import type { SegmentFrame } from '../wire/index.ts'

export function createSpoolSource(reader: ContentReader, content: Content): BlobSource {
  return {
    sizeBytes: content.sizeBytes,
    isFresh: true,
    async read(offset, length) {
      const end = Math.min(offset + length, content.sizeBytes)
      const bytes = new Uint8Array(Math.max(0, end - offset))
      for (let index = Math.floor(offset / segmentBytes); index * segmentBytes < end; index++) {
        const start = index * segmentBytes
        const { data } = await loadFrame(reader, content, index)
        const part = data.subarray(Math.max(0, offset - start), end - start)
        bytes.set(part, Math.max(0, start - offset))
        freeBuffer(data.buffer)
      }
      return bytes
    },
  }
}

/** From the leaf of every segment's proof: nothing is hashed again. @throws {SpoolIncompleteError} */
export async function readSpoolTree(
  reader: ContentReader,
  submission: Submission,
  content: Content,
  signal: AbortSignal,
): Promise<FileTree> {
  const { root, shape } = content
  const leaves: Uint8Array[] = []
  for (let index = 0; index < shape.segments; index++) {
    signal.throwIfAborted()
    const { proof, data } = await loadFrame(reader, content, index)
    leaves.push(proof.lemma[0]!.slice())
    freeBuffer(data.buffer)
  }
  const tree = fileTreeFromRoots(shape, leaves)
  if (!bytesEqual(treeRoot(tree), hexToBytes(root))) throw new SpoolIncompleteError({ root, segmentIndex: -1 })
  return { shape, root: hexToBytes(root), nodes: submission.nodes, tree }
}

async function loadFrame(reader: ContentReader, content: Content, index: number): Promise<SegmentFrame> {
  const frame = await readFrame(reader, content, index)
  if (!frame) throw new SpoolIncompleteError({ root: content.root, segmentIndex: index })
  return frame
}

export class SpoolIncompleteError extends WeightlessError {
  constructor(facts: { root: string; segmentIndex: number }) {
    super('storage/spool-incomplete', 'A segment that was in the spool cannot be read.', facts, {
      hint: 'Upload the file again: it is not paid twice.',
    })
  }
}
