/**
 * Which node takes which row when an upload begins, goes on or loses a holder: rows stay with nodes that have parts of
 * them already, the rest goes where the rendezvous hash says. Spec: storage §12.
 */
import { type Hex, WeightlessError } from '@weightless/codec'
import {
  choosePlacement,
  type NodeRecord,
  type Redundancy,
  rankNodes,
  type SignedPlacement,
} from '@weightless/storage/wire'
import type { HeldRow } from '../network/askHolder.ts'

/** What each node that answered has of the file. */
export type HeldByNode = ReadonlyMap<Hex, readonly HeldRow[]>

/** @throws {NodesTooFewError} */
export function chooseHolders(
  root: Hex,
  startSegment: number,
  redundancy: Redundancy,
  nodes: readonly NodeRecord[],
  held: HeldByNode,
  earlier?: SignedPlacement,
): NodeRecord[] {
  const rows = redundancy.dataRows + redundancy.parityRows
  const wanted = choosePlacement(root, startSegment, redundancy, nodes)
  if (!wanted.ok) throw new NodesTooFewError({ root, nodes: nodes.length, rows })
  const chosen = new Array<NodeRecord | undefined>(rows).fill(undefined)
  const taken = new Set<Hex>()
  const take = (row: number, node: NodeRecord): void => {
    chosen[row] = node
    taken.add(node.nodeId)
  }
  const isSameCode = earlier?.dataRows === redundancy.dataRows && earlier.parityRows === redundancy.parityRows
  const holders = isSameCode ? earlier.holders : []
  const takeEarlier = (mayTake: (row: number, node: NodeRecord) => boolean): void => {
    for (const [row, holder] of holders.entries()) {
      const node = nodes.find(({ nodeId }) => nodeId === holder)
      if (node && !chosen[row] && !taken.has(holder) && mayTake(row, node)) take(row, node)
    }
  }
  // Whoever signed for a row keeps it: the others do not sign it away. Unless it has another one meanwhile.
  const hasOther = (row: number, { nodeId }: NodeRecord) =>
    held.get(nodeId)?.some((entry) => entry.row !== row) === true
  takeEarlier((row, node) => earlier?.signatures[row] !== null && !hasOther(row, node))
  for (const { row, node } of byStripesHeld(rows, nodes, held))
    if (!chosen[row] && !taken.has(node.nodeId)) take(row, node)
  // A row without fragments, in a short file, says nothing: then the earlier placement does.
  takeEarlier(() => true)
  for (let row = 0; row < rows; row++) {
    const node = wanted.value[row]!
    if (!chosen[row] && !taken.has(node.nodeId)) take(row, node)
  }
  // A node that holds another row of this file refuses a second one: better somebody who holds nothing.
  const spare = rankNodes(root, nodes).filter(({ nodeId }) => !taken.has(nodeId))
  spare.sort((a, b) => heldRows(held, a) - heldRows(held, b))
  return chosen.map((node) => node ?? spare.shift()!)
}

/** The node that is next in line for a row; undefined when all are taken. */
export function chooseSpare(root: Hex, nodes: readonly NodeRecord[], taken: ReadonlySet<Hex>): NodeRecord | undefined {
  return rankNodes(root, nodes).find(({ nodeId }) => !taken.has(nodeId))
}

function byStripesHeld(rows: number, nodes: readonly NodeRecord[], held: HeldByNode) {
  const found = nodes.flatMap((node) =>
    (held.get(node.nodeId) ?? []).map(({ row, ranges }) => {
      const stripes = ranges.reduce((sum, [from, to]) => sum + to - from, 0)
      return { node, row, stripes }
    }),
  )
  return found.filter(({ row, stripes }) => row < rows && stripes > 0).sort((a, b) => b.stripes - a.stripes)
}

function heldRows(held: HeldByNode, { nodeId }: NodeRecord): number {
  return held.get(nodeId)?.length ?? 0
}

export class NodesTooFewError extends WeightlessError {
  constructor(facts: { root: Hex; nodes: number; rows: number }) {
    super('blobs/nodes-too-few', 'There are fewer live nodes than the file needs holders.', facts, {
      hint: 'Start more storage nodes, or ask for less redundancy.',
    })
  }
}
