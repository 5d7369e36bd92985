/**
 * The Merkle tree over the whole flow, kept as one open left sibling a level, as the Flow contract keeps it: appending
 * costs a few hashes, and its state is under 2.2 kB. Gaps hold zero sectors; sector 0 is 32 zero bytes. Spec: storage §4.
 */
import { WeightlessError } from '@weightless/codec'
import { hashPair } from './keccakKernel.ts'
import type { TreeNode } from './segmentRoot.ts'
import { zeroRoot } from './zeroRoots.ts'

export type FlowTree = {
  /** Sectors so far, the reserved one included. */
  length(): number
  /** @throws {FlowPositionError} when `startSector` lies before the end or does not suit the height of a node */
  append(startSector: number, nodes: readonly TreeNode[]): void
  /** Root as `getFlowRootByTxSeq` gives it after the last append. */
  root(): Uint8Array
}

const heightMax = 64

export function createFlowTree(): FlowTree {
  const open: (Uint8Array | undefined)[] = [new Uint8Array(32)]
  let length = 1

  /** Places a perfect tree at the end, which must be a multiple of its size. */
  function place(root: Uint8Array, height: number): void {
    let node = root
    let level = height
    while (Math.floor(length / 2 ** level) % 2 === 1) {
      node = hashPair(open[level]!, node)
      open[level] = undefined
      level++
    }
    open[level] = node
    length += 2 ** height
  }

  function fillTo(sector: number): void {
    while (length < sector) {
      let height = 0
      while (length % 2 ** (height + 1) === 0 && length + 2 ** (height + 1) <= sector) height++
      place(zeroRoot(height), height)
    }
  }

  return {
    length: () => length,
    append(startSector, nodes) {
      if (!Number.isSafeInteger(startSector) || startSector < length)
        throw new FlowPositionError({ startSector, length })
      fillTo(startSector)
      for (const { root, height } of nodes) {
        if (height >= heightMax || length % 2 ** height !== 0)
          throw new FlowPositionError({ startSector, length, height })
        place(root, height)
      }
    },
    root() {
      const top = Math.ceil(Math.log2(length))
      let node: Uint8Array | undefined
      for (let level = 0; level < top; level++) {
        const left = open[level]
        if (left) node = hashPair(left, node ?? zeroRoot(level))
        else if (node) node = hashPair(node, zeroRoot(level))
      }
      return (node ?? open[top] ?? new Uint8Array(32)).slice()
    },
  }
}

export class FlowPositionError extends WeightlessError {
  constructor(facts: { startSector: number; length: number; height?: number }) {
    super('crypto/flow-position', 'A submission does not fit at the end of the flow.', facts)
  }
}
