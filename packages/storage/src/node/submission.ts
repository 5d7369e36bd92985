/** A file's entry in the flow, as its Submit event told it. Spec: storage §4, §7. */
import { bytesEqual, bytesToHex, type Hex, hexToBytes, uintToBytes } from '@weightless/codec'
import {
  type FileShape,
  FileSizeInvalidError,
  fileShape,
  foldNodes,
  keccak256,
  type TreeNode,
} from '@weightless/crypto'
import type { TransactionJson } from '../wire/index.ts'

export type Submission = {
  /** Its place in the flow: the network's txSeq. */
  seq: number
  root: Hex
  nodes: TreeNode[]
  startSector: number
  sizeBytes: number
  blockNumber: number
  /** Undefined for a size that no node can hold. */
  shape: FileShape | undefined
  /** Names the content: submissions of one root and one number of sectors share their bytes. */
  fileKey: string
}

/** What the chain says, before anything is derived from it. */
export type SubmitEvent = {
  seq: number
  startSector: number
  sizeBytes: number
  nodes: TreeNode[]
  blockNumber: number
}

export function toSubmission(event: SubmitEvent): Submission {
  const root = bytesToHex(foldNodes(event.nodes))
  const shape = shapeOrNone(event)
  return { ...event, root, shape, fileKey: fileKeyOf(root, shape?.sectors ?? 0) }
}

/**
 * 20 bytes in hex that name content: root and number of sectors. The number is part of it because anybody may submit a
 * root with a size that is not its file's, and that must not touch the real one.
 */
export function fileKeyOf(root: Hex, sectors: number): string {
  const bytes = new Uint8Array(40)
  bytes.set(hexToBytes(root))
  bytes.set(uintToBytes(BigInt(sectors), 8), 32)
  return bytesToHex(keccak256(bytes).subarray(0, 20)).slice(2)
}

export function transactionJson(submission: Submission): TransactionJson {
  return {
    streamIds: [],
    data: [],
    dataMerkleRoot: submission.root,
    merkleNodes: submission.nodes.map(({ root, height }) => [height + 1, bytesToHex(root)]),
    startEntryIndex: submission.startSector,
    size: submission.sizeBytes,
    seq: submission.seq,
  }
}

export function sameSubmission(a: SubmitEvent, b: SubmitEvent): boolean {
  return (
    a.startSector === b.startSector &&
    a.sizeBytes === b.sizeBytes &&
    a.nodes.length === b.nodes.length &&
    a.nodes.every((node, i) => node.height === b.nodes[i]!.height && bytesEqual(node.root, b.nodes[i]!.root))
  )
}

export function encodeSubmission({ seq, startSector, sizeBytes, nodes, blockNumber }: SubmitEvent): string {
  const list = nodes.map(({ root, height }) => [bytesToHex(root), height])
  return JSON.stringify({ seq, startSector, sizeBytes, blockNumber, nodes: list })
}

export function decodeSubmission(text: string): Submission {
  const { nodes, ...rest } = JSON.parse(text) as Omit<SubmitEvent, 'nodes'> & { nodes: [Hex, number][] }
  return toSubmission({ ...rest, nodes: nodes.map(([root, height]) => ({ root: hexToBytes(root), height })) })
}

function shapeOrNone({ sizeBytes, nodes }: SubmitEvent): FileShape | undefined {
  try {
    const shape = fileShape(sizeBytes)
    // The contract accepts sizes in a range; data can only exist for the canonical padding of the size.
    const sectors = nodes.reduce((sum, { height }) => sum + 2 ** height, 0)
    return shape.paddedSectors === sectors ? shape : undefined
  } catch (fault) {
    if (fault instanceof FileSizeInvalidError) return undefined
    throw fault
  }
}
