/**
 * What is known of a file's tree after some proofs have held: enough to prove neighbours that came without one, because
 * they were decoded. Nodes are named by level (leaves are 0) and index. Spec: storage §10.
 */
import { bytesEqual } from '@weightless/codec'
import { hashPair, type SegmentProof } from '@weightless/crypto'

export type ProvenNodes = {
  /** Takes over the nodes of a proof that has been checked. */
  learn(index: number, proof: SegmentProof): void
  /**
   * Whether leaves that were computed belong to the file: `proved` when every one meets a known node; `wrong` when one
   * contradicts it; `unknown` when too little of the tree is known. Proved nodes are known from then on.
   */
  prove(leaves: ReadonlyMap<number, Uint8Array>): 'proved' | 'wrong' | 'unknown'
  /** The proof of a segment; undefined where a node of it is not known. */
  proofOf(index: number): SegmentProof | undefined
}

/** @param leafCount segments of the padded file */
export function createProvenNodes(root: Uint8Array, leafCount: number): ProvenNodes {
  const widths = [leafCount]
  while (widths[widths.length - 1]! > 1) widths.push(Math.ceil(widths[widths.length - 1]! / 2))
  const top = widths.length - 1
  const known = widths.map(() => new Map<number, Uint8Array>())
  known[top]!.set(0, root)

  function prove(leaves: ReadonlyMap<number, Uint8Array>): 'proved' | 'wrong' | 'unknown' {
    const computed = widths.map(() => new Map<number, Uint8Array>())
    const open = new Set<string>()
    for (const [index, leaf] of leaves) computed[0]!.set(index, leaf)
    for (let level = 0; level <= top; level++) {
      for (const [index, hash] of computed[level]!) {
        const truth = known[level]!.get(index)
        if (truth && !bytesEqual(truth, hash)) return 'wrong'
        if (truth) continue
        const above = parentOf(level, index, hash, computed)
        if (above) computed[level + 1]!.set(index >> 1, above)
        else open.add(`${level}:${index}`)
      }
    }
    if (open.size > 0) return 'unknown'
    for (const [level, nodes] of computed.entries()) for (const [index, hash] of nodes) known[level]!.set(index, hash)
    return 'proved'
  }

  function parentOf(
    level: number,
    index: number,
    hash: Uint8Array,
    computed: readonly Map<number, Uint8Array>[],
  ): Uint8Array | undefined {
    const sibling = index ^ 1
    if (sibling >= widths[level]!) return hash
    const other = known[level]!.get(sibling) ?? computed[level]!.get(sibling)
    if (!other) return undefined
    return index % 2 === 0 ? hashPair(hash, other) : hashPair(other, hash)
  }

  return {
    prove,
    learn(index, { lemma, path }) {
      let node = lemma[0]!
      let step = 0
      for (let level = 0, at = index; level < top; level++, at >>>= 1) {
        known[level]!.set(at, node)
        if ((at ^ 1) >= widths[level]!) continue
        const sibling = lemma[step + 1]!
        known[level]!.set(at ^ 1, sibling)
        node = path[step] ? hashPair(node, sibling) : hashPair(sibling, node)
        step++
      }
    },
    proofOf(index) {
      const leaf = known[0]!.get(index)
      if (!leaf) return undefined
      if (top === 0) return { lemma: [root], path: [] }
      const siblings: Uint8Array[] = []
      const path: boolean[] = []
      for (let level = 0, at = index; level < top; level++, at >>>= 1) {
        if ((at ^ 1) >= widths[level]!) continue
        const sibling = known[level]!.get(at ^ 1)
        if (!sibling) return undefined
        siblings.push(sibling)
        path.push(at % 2 === 0)
      }
      return { lemma: [leaf, ...siblings, root], path }
    },
  }
}
