/** Walks down a tree of which only the root is known, beside a tree of one's own, to the first leaf that differs. Spec: spec/dispute.md §8. */
import { bytesEqual } from '@weightless/codec'
import { type HashTree, levelAbove } from '@weightless/crypto'
import type { Path } from './rootFrom.ts'

/** Levels between a node that is asked about and the hashes that answer. */
export const levelsAtOnce = 4

/** Hashes `min(level, levelsAtOnce)` levels below a node, from left to right. */
export type AskHashes = (level: number, index: number) => Promise<readonly Uint8Array[] | undefined>

export type Difference =
  | { found: 'leaf'; leaf: number; theirs: KnownTree }
  | { found: 'nothing'; theirs: KnownTree }
  /** No answer, or hashes that do not come to what was given before. */
  | { found: 'silence' }

/** What is known of their tree: their hashes where they were shown, one's own where the subtrees are the same. */
export type KnownTree = {
  /** @returns undefined where a hash beside the way is not known */
  pathOf(leaf: number): Path | undefined
  /** Asks for what `pathOf` and `leafOf` of this leaf need. */
  learn(leaf: number): Promise<boolean>
  leafOf(leaf: number): Uint8Array | undefined
}

export async function findFirstDifference(root: Uint8Array, own: HashTree, ask: AskHashes): Promise<Difference> {
  const height = own.levels.length - 1
  const theirs = own.levels.map((level) => new Array<Uint8Array | undefined>(level.length))
  theirs[height]![0] = root
  const known = knownTree(theirs, own, ask)
  if (bytesEqual(root, own.levels[height]![0]!)) return { found: 'nothing', theirs: known }
  let index = 0
  for (let level = height; level > 0; level--) {
    if (!(await known.show(level, index))) return { found: 'silence' }
    const left = theirs[level - 1]![index * 2]!
    index = bytesEqual(left, own.levels[level - 1]![index * 2]!) ? index * 2 + 1 : index * 2
  }
  return { found: 'leaf', leaf: index, theirs: known }
}

function knownTree(theirs: readonly (Uint8Array | undefined)[][], own: HashTree, ask: AskHashes) {
  const height = theirs.length - 1
  /** Their hash, if it was shown or follows from an equal one above. */
  function hashAt(level: number, index: number): Uint8Array | undefined {
    const shown = theirs[level]?.[index]
    if (shown !== undefined) return shown
    for (let [at, i] = [level + 1, index >> 1]; at <= height; at++, i >>= 1) {
      const above = theirs[at]![i]
      if (above === undefined) continue
      return bytesEqual(above, own.levels[at]![i]!) ? own.levels[level]![index] : undefined
    }
    return undefined
  }
  /** Learns the children of a node, by a question if need be. */
  async function show(level: number, index: number): Promise<boolean> {
    if (hashAt(level - 1, index * 2) !== undefined) return true
    const answer = await ask(level, index)
    const down = Math.min(level, levelsAtOnce)
    const width = own.levels[level - down]!.length
    const first = index << down
    if (answer === undefined || answer.length !== Math.min(width, (index + 1) << down) - first) return false
    if (answer.some((hash) => hash.length !== 32)) return false
    let layer = [...answer]
    const layers = [layer]
    for (let i = 0; i < down; i++) {
      layer = levelAbove(layer)
      layers.push(layer)
    }
    if (!bytesEqual(layer[0]!, hashAt(level, index)!)) return false
    layers.forEach((hashes, above) => {
      hashes.forEach((hash, i) => {
        theirs[level - down + above]![(index << (down - above)) + i] = hash
      })
    })
    return true
  }
  return {
    show,
    leafOf: (leaf: number) => hashAt(0, leaf),
    pathOf(leaf: number): Path | undefined {
      const path: Uint8Array[] = []
      for (let [level, i] = [0, leaf]; level < height; level++, i >>= 1) {
        if ((i ^ 1) >= own.levels[level]!.length) continue
        const beside = hashAt(level, i ^ 1)
        if (beside === undefined) return undefined
        path.push(beside)
      }
      return path
    },
    async learn(leaf: number): Promise<boolean> {
      for (let level = height; level > 0; level--) if (!(await show(level, leaf >> level))) return false
      return true
    },
  }
}
