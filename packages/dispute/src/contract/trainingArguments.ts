/** A word of a step of a training as the contract takes it (solidity/training/TrainingGame.sol). Spec: spec/dispute.md §14.8. */
import { bytesToHex } from '@weightless/codec'
import { hashTreePath, hashTreeRoot } from '@weightless/crypto'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { levelsOf, stateFanIn, topOf } from '@weightless/tensor/train/commitState'
import { batchBytes } from '@weightless/tensor/train/trainerState'
import { blockSpan } from '../numbers/weightBlock.ts'
import { tableTree } from '../training/chunkDigests.ts'
import type { StepPlan } from '../training/stepPlan.ts'
import { chunkWords, type ReadTable } from '../training/stepTable.ts'
import type { List, OpenedState, StateLeaf, WordOpening } from '../training/trainingAccusation.ts'

/** `ShownTable`s of solidity/training/TrainingViews.sol: rising, the accused one last, with the one chunk in question. */
export function tableArguments({ table, word, tables, chunks }: WordOpening) {
  const isShown = ({ chunk, ...one }: { table: number; chunk: number }) =>
    one.table !== table || chunk === Math.floor(word / chunkWords)
  return tables
    .toSorted((a, b) => a.table - b.table)
    .map((opened) => {
      const tree = tableTree(opened.digests)
      const own = chunks.filter((one) => one.table === opened.table && isShown(one))
      return {
        table: opened.table,
        root: bytesToHex(hashTreeRoot(tree)),
        path: opened.path.map((hash) => bytesToHex(hash)),
        chunks: own
          .toSorted((a, b) => a.chunk - b.chunk)
          .map(({ chunk, bytes }) => ({
            chunk,
            data: bytesToHex(bytes),
            path: hashTreePath(tree, chunk).map((hash) => bytesToHex(hash)),
          })),
      }
    })
}

const lists: readonly List[] = ['p', 'm', 'v']

/** `ShownPiece`s, rising, each with the hashes among which its own stands, level by level. */
export function pieceArguments({ pieces, before }: Pick<WordOpening, 'pieces'> & { before: { digests: Uint8Array } }) {
  const levels = levelsOf(before.digests).slice(0, -1)
  const each = before.digests.length / 96
  return pieces
    .map(({ list, piece, bytes }) => ({ list: lists.indexOf(list), piece, bytes }))
    .toSorted((a, b) => a.list - b.list || a.piece - b.piece)
    .map(({ list, piece, bytes }) => {
      const groups = levels.map((level, height) => {
        const group = Math.floor((list * each + piece) / stateFanIn ** (height + 1))
        return bytesToHex(level.subarray(group * 32 * stateFanIn, (group + 1) * 32 * stateFanIn))
      })
      return { list, piece, data: bytesToHex(bytes), groups }
    })
}

/** Bytes of the model's file that a word is made from, in the order in which its rule reads them: of a row what it reads, of a column the whole matrix. */
export function weightRanges({ tensors }: Graph, plan: StepPlan, table: number, word: number) {
  const seen = new Map<string, Set<number>>()
  const read: ReadTable = (name) => (index) => {
    if (!name.startsWith('w/')) return 1
    const known = seen.get(name)
    if (known === undefined) seen.set(name, new Set([index]))
    else known.add(index)
    return 1
  }
  plan.tables[table]!.rule(read)(word)
  return [...seen].map(([name, indices]) => {
    const tensor = tensors.get(name.slice(2))!
    const first = indices.values().reduce((least, index) => Math.min(least, index))
    const last = indices.values().reduce((most, index) => Math.max(most, index))
    const elements = tensor.shape.reduce((product, size) => product * size, 1)
    const isRow = indices.size === last - first + 1
    return isRow ? blockSpan(tensor, first, indices.size) : blockSpan(tensor, 0, elements)
  })
}

/** Whether `BackwardJudge` knows the table; `ForwardJudge` knows attention both ways, and all that is no gradient. */
export function isBackward(name: string): boolean {
  const own = name.replace(/^row \d+ (layer \d+ )?/, '')
  if (own === 'd.attention.qkv' || own === 'd.attention.products') return false
  return /^(d\.|gradient |norm |new )/.test(own)
}

/** A state of a signed run, as TrainingStake takes it. */
export function leafArgument(steps: number, { root, path }: StateLeaf) {
  return { steps, root: bytesToHex(root), path: path.map((hash) => bytesToHex(hash)) }
}

/** `OpenedState` of solidity/training/TrainingGame.sol. */
export function stateArgument(steps: number, opened: OpenedState) {
  return { state: leafArgument(steps, opened), head: bytesToHex(opened.head), top: bytesToHex(opened.top) }
}

/** States before and after the step, and its rows. */
export function stepArguments({ step, before, after, rows }: WordOpening) {
  return {
    before: stateArgument(step, { ...before, top: topOf(before.digests) }),
    afterwards: stateArgument(step + 1, after),
    rows: bytesToHex(batchBytes(rows)),
  }
}
