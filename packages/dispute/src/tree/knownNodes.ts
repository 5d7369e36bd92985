/** Nodes of a tree that were shown from its root down, and the proof that one of them is in it. Spec: spec/dispute.md §8, §13 */
import { WeightlessError } from '@weightless/codec'
import { levelAbove } from '@weightless/crypto'
import { levelsAtOnce } from './firstDifference.ts'
import type { Path } from './rootFrom.ts'

export type KnownNodes = {
  /** @throws {NodeUnknownError} for a node that was not shown, or whose neighbours on the way were not */
  proofOf(level: number, index: number): { hash: Uint8Array; path: Path }
  /** @param hashes - `levelsAtOnce` levels below a node, or at the bottom; whether they come to it is checked elsewhere */
  learn(level: number, index: number, hashes: readonly Uint8Array[]): void
}

/** @param leaves - how many the tree has */
export function createKnownNodes(root: Uint8Array, leaves: number): KnownNodes {
  const widths = [leaves]
  while (widths.at(-1)! > 1) widths.push(Math.ceil(widths.at(-1)! / 2))
  const height = widths.length - 1
  const nodes = new Map<string, Uint8Array>([[`${height} 0`, root]])
  const need = (level: number, index: number): Uint8Array => {
    const node = nodes.get(`${level} ${index}`)
    if (!node) throw new NodeUnknownError({ level, index })
    return node
  }
  return {
    proofOf(level, index) {
      const path: Uint8Array[] = []
      for (let [at, i] = [level, index]; at < height; at++, i >>= 1) {
        if ((i ^ 1) < widths[at]!) path.push(need(at, i ^ 1))
      }
      return { hash: need(level, index), path }
    },
    learn(level, index, hashes) {
      let layer = [...hashes]
      for (let at = level - Math.min(level, levelsAtOnce); at < level; at++) {
        const first = index * 2 ** (level - at)
        for (const [i, hash] of layer.entries()) nodes.set(`${at} ${first + i}`, hash)
        layer = levelAbove(layer)
      }
    },
  }
}

class NodeUnknownError extends WeightlessError {
  constructor(facts: { level: number; index: number }) {
    super('dispute/node-unknown', 'A question is about a node that was not shown.', facts)
  }
}
