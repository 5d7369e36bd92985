/**
 * Which nodes take which rows of a file: each data row goes to the shard that mines it, and among equals the rendezvous
 * hash decides, so that load spreads and a repair finds the next in line without asking anybody. Spec: storage §12.
 */
import { accept, concatBytes, type Hex, hexToBytes, reject, type Verdict } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { NodeRecord } from './nodeRecord.ts'

export type Redundancy = { dataRows: number; parityRows: number }

/** What a file gets when its owner says nothing: any third of its nodes may vanish. */
export function defaultRedundancy(nodeCount: number): Redundancy {
  if (nodeCount >= 6) return { dataRows: 4, parityRows: 2 }
  if (nodeCount >= 4) return { dataRows: 2, parityRows: 2 }
  if (nodeCount === 3) return { dataRows: 2, parityRows: 1 }
  return { dataRows: 1, parityRows: Math.max(0, nodeCount - 1) }
}

/** @param startSegment where the file begins in the flow, in segments: it decides which shard a data row belongs to */
export function choosePlacement(
  root: Hex,
  startSegment: number,
  { dataRows, parityRows }: Redundancy,
  nodes: readonly NodeRecord[],
): Verdict<NodeRecord[], 'too-few-nodes'> {
  const ranked = rankNodes(root, nodes)
  if (ranked.length < dataRows + parityRows) {
    return reject('too-few-nodes', `${ranked.length} of ${dataRows + parityRows}`)
  }
  const taken = new Set<Hex>()
  const take = (node: NodeRecord | undefined) => {
    if (node) taken.add(node.nodeId)
    return node
  }
  const isFree = ({ nodeId }: NodeRecord) => !taken.has(nodeId)
  const rows: (NodeRecord | undefined)[] = []
  for (let row = 0; row < dataRows; row++) {
    const shardId = (startSegment + row) % dataRows
    const isHome = ({ shard }: NodeRecord) => shard?.numShard === dataRows && shard.shardId === shardId
    rows.push(take(ranked.find((node) => isFree(node) && isHome(node))))
  }
  for (let row = 0; row < parityRows; row++) {
    rows.push(take(ranked.find((node) => isFree(node) && node.shard === null)))
  }
  return accept(rows.map((node) => node ?? take(ranked.find(isFree))!))
}

/** Nodes in the order in which they are asked to hold a file, best first. */
export function rankNodes(root: Hex, nodes: readonly NodeRecord[]): NodeRecord[] {
  const rootBytes = hexToBytes(root)
  return nodes
    .map((node) => ({ node, rank: sha256(concatBytes([rootBytes, hexToBytes(node.nodeId)])) }))
    .sort((a, b) => compareBytes(a.rank, b.rank))
    .map(({ node }) => node)
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}
