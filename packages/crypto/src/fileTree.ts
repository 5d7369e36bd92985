/**
 * The tree of a file over its segment roots: file root, segment proofs, submission. Bytes are hashed as they come, so
 * memory is one segment and 32 bytes for each segment seen, whatever the size. Spec: storage §2, §3.
 */
import { concatBytes } from '@weightless/codec'
import {
  type FileShape,
  fileShape,
  nodeHeights,
  segmentBytes,
  segmentPaddedSectors,
  segmentSectors,
} from './fileShape.ts'
import { keccak256 } from './keccakKernel.ts'
import { buildTree, leafOf, type MerkleTree, pathOf, treeRoot } from './merkleTree.ts'
import { foldNodes, segmentNodes, type TreeNode } from './segmentRoot.ts'
import { zeroRoot } from './zeroRoots.ts'

export type FileTree = {
  shape: FileShape
  root: Uint8Array
  /** What the Flow contract is given, largest first. */
  nodes: TreeNode[]
  tree: MerkleTree
}

/** `lemma` = segment root, siblings from below, file root; `path[i]` = the node at level i is the left child. */
export type SegmentProof = { lemma: Uint8Array[]; path: boolean[] }

export type FileHasher = {
  update(bytes: Uint8Array): void
  /** @throws {FileSizeInvalidError} when nothing was given */
  finish(): FileTree
}

/** @param signal - looked at between pieces @throws {FileSizeInvalidError} for an empty file */
export async function treeOfSource({ sizeBytes, read }: RangeSource, signal?: AbortSignal): Promise<FileTree> {
  const hasher = createFileHasher()
  for (let at = 0; at < sizeBytes; at += sourcePieceBytes) {
    signal?.throwIfAborted()
    hasher.update(await read(at, Math.min(sourcePieceBytes, sizeBytes - at)))
  }
  return hasher.finish()
}

/** As `treeOfSource`, for whoever needs the root alone. */
export async function rootOfSource(source: RangeSource, signal?: AbortSignal): Promise<Uint8Array> {
  return (await treeOfSource(source, signal)).root
}

/** A file that is read in ranges. */
export type RangeSource = { sizeBytes: number; read(offset: number, length: number): Promise<Uint8Array> }

const sourcePieceBytes = 4 * 1024 * 1024

/** Hashes a file that arrives in pieces of any length. */
export function createFileHasher(): FileHasher {
  const pending = new Uint8Array(segmentBytes)
  const roots: Uint8Array[] = []
  let pendingBytes = 0
  let sizeBytes = 0
  const close = (segment: Uint8Array) => roots.push(foldNodes(segmentNodes(segment, segmentSectors)))
  return {
    update(bytes) {
      sizeBytes += bytes.length
      for (let at = 0; at < bytes.length; ) {
        // A segment is closed only when a byte beyond it is there: the last one is padded by the size of the file.
        if (pendingBytes === segmentBytes) {
          close(pending)
          pendingBytes = 0
        }
        while (pendingBytes === 0 && bytes.length - at > segmentBytes) {
          close(bytes.subarray(at, at + segmentBytes))
          at += segmentBytes
        }
        const part = bytes.subarray(at, at + segmentBytes - pendingBytes)
        pending.set(part, pendingBytes)
        pendingBytes += part.length
        at += part.length
      }
    },
    finish: () => closeFileTree(fileShape(sizeBytes), roots, pending.subarray(0, pendingBytes)),
  }
}

/** The tree of a file that is in memory. */
export function fileTree(bytes: Uint8Array): FileTree {
  const hasher = createFileHasher()
  hasher.update(bytes)
  return hasher.finish()
}

export function fileRoot(bytes: Uint8Array): Uint8Array {
  return fileTree(bytes).root
}

export function segmentProof(file: FileTree, segmentIndex: number): SegmentProof {
  const leaf = leafOf(file.tree, segmentIndex)
  const { siblings, path } = pathOf(file.tree, segmentIndex)
  return path.length === 0 ? { lemma: [file.root], path: [] } : { lemma: [leaf, ...siblings, file.root], path }
}

/** The `identity` of the Submit event: it is not the file root. */
export function submissionIdentity(nodes: readonly TreeNode[]): Uint8Array {
  return keccak256(concatBytes(nodes.map((node) => node.root)))
}

/** Rebuilds the tree of a file from the roots of its data segments, which must all have been proved. */
export function fileTreeFromRoots(shape: FileShape, dataRoots: readonly Uint8Array[]): MerkleTree {
  const leaves = [...dataRoots]
  for (let index = dataRoots.length; index < shape.paddedSegments; index++) leaves.push(zeroSegment(shape, index))
  return buildTree(concatBytes(leaves))
}

/** Root of a segment that lies wholly in the padding. */
export function zeroSegment(shape: FileShape, index: number): Uint8Array {
  return foldNodes(
    nodeHeights(segmentPaddedSectors(shape, index)).map((height) => ({ root: zeroRoot(height), height })),
  )
}

/**
 * The tree of a file whose segments were hashed elsewhere (`hashSegmentsTask.ts`).
 * @param roots of all data segments but the last
 * @param last bytes of the last data segment: its padding follows from the size of the file
 */
export function closeFileTree(shape: FileShape, roots: readonly Uint8Array[], last: Uint8Array): FileTree {
  const lastIndex = shape.segments - 1
  const lastNodes = segmentNodes(last, segmentPaddedSectors(shape, lastIndex))
  const tree = fileTreeFromRoots(shape, [...roots, foldNodes(lastNodes)])
  return { shape, root: treeRoot(tree), nodes: submissionNodes(shape, tree, lastNodes), tree }
}

/** Nodes of whole segments are inner nodes of the file tree; smaller ones lie inside its last segment. */
function submissionNodes(shape: FileShape, file: MerkleTree, lastNodes: readonly TreeNode[]): TreeNode[] {
  const nodes: TreeNode[] = []
  let firstSector = 0
  for (const height of nodeHeights(shape.paddedSectors)) {
    const index = firstSector / 2 ** height
    if (height >= 10) nodes.push({ root: nodeAt(file, height - 10, index), height })
    firstSector += 2 ** height
  }
  if (shape.paddedSectors % segmentSectors === 0) return nodes
  // The padding may reach beyond the last data segment; then its parts are zero trees.
  const inLast = shape.segments === shape.paddedSegments
  const rest = nodeHeights(shape.paddedSectors % segmentSectors)
  return [...nodes, ...(inLast ? lastNodes : rest.map((height) => ({ root: zeroRoot(height), height })))]
}

function nodeAt(file: MerkleTree, level: number, index: number): Uint8Array {
  return file.levels[level]!.slice(32 * index, 32 * index + 32)
}
