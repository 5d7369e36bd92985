/** Words of a step of a training as its judges take them, right or planted: what tests and the gas table show. Spec: spec/dispute.md §14.8. */
import { bytesToHex } from '@weightless/codec'
import { buildHashTree, hashLeaf, hashTreePath, hashTreeRoot, sha256 } from '@weightless/crypto'
import type { SectorRange } from '@weightless/crypto/sectorRange'
import { fileArgument } from '@weightless/dispute/contract/accusationArguments'
import {
  isBackward,
  pieceArguments,
  tableArguments,
  weightRanges,
} from '@weightless/dispute/contract/trainingArguments'
import { tableRoot } from '@weightless/dispute/training/chunkDigests'
import { gatherReads, type OwnStep } from '@weightless/dispute/training/gatherReads'
import { chunkWords } from '@weightless/dispute/training/stepTable'
import type { WordOpening } from '@weightless/dispute/training/trainingAccusation'
import { pieceDigests } from '@weightless/dispute/training/trainingState'
import type { TokenRow } from '@weightless/tensor'
import { adapterTargets } from '@weightless/tensor/adapter/adapterTargets'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { topOf } from '@weightless/tensor/train/commitState'
import type { LoraOptions } from '@weightless/tensor/train/loraOptions'
import { batchBytes } from '@weightless/tensor/train/trainerState'

export type JudgedStep = OwnStep & {
  graph: Graph
  options: LoraOptions
  /** From 0. */
  step: number
  rows: readonly TokenRow[]
  modelRoot: `0x${string}`
  prove: (from: number, count: number) => SectorRange
}

export const floatBits = (value: number) => BigInt(new Uint32Array(Float32Array.of(value).buffer)[0]!)

/** The unit with the trace that it leads to; `planted` changes the bytes of the accused chunk. */
export function openUnit(of: JudgedStep, table: number, word: number, planted?: (chunk: Uint8Array) => Uint8Array) {
  const { plan, trace, state, graph } = of
  const reads = gatherReads(of, table, word)
  const chunk = Math.floor(word / chunkWords)
  const right = trace.chunk(table, chunk)!
  const bytes = planted?.(right.slice()) ?? right
  const digests = [...trace.digests]
  digests[table] = digests[table]!.slice()
  digests[table].set(sha256(bytes), chunk * 32)
  const tree = buildHashTree([
    ...trace.tree.levels[0]!.slice(0, table),
    hashLeaf(tableRoot(digests[table])),
    ...trace.tree.levels[0]!.slice(table + 1),
  ])
  const openTable = (number: number) => ({ table: number, digests: digests[number]!, path: hashTreePath(tree, number) })
  const chunks = [...reads.tables].flatMap(([number, set]) =>
    [...set].map((at) => ({ table: number, chunk: at, bytes: trace.chunk(number, at)! })),
  )
  const before = { digests: pieceDigests(state) }
  const opening = {
    ...{ table, word, before, rows: of.rows, step: of.step, pieces: reads.pieces },
    tables: [table, ...reads.tables.keys()].map(openTable),
    chunks: [...chunks, { table, chunk, bytes }],
  }
  const ranges = weightRanges(graph, plan, table, word)
  return { opening: opening as unknown as WordOpening, ranges, trace: hashTreeRoot(tree) }
}

/** Arguments of `compute` behind the model's facts. */
export function unitArguments(of: JudgedStep, { opening, ranges, trace }: ReturnType<typeof openUnit>) {
  const { options, plan } = of
  const step = {
    modelRoot: of.modelRoot,
    trace: bytesToHex(trace),
    leaves: BigInt(plan.tables.length),
    top: bytesToHex(topOf(opening.before.digests)),
    number: BigInt(of.step),
    targets: adapterTargets.reduce(
      (bits, target, t) => (options.targets.includes(target) ? bits | (1n << BigInt(t)) : bits),
      0n,
    ),
    rank: BigInt(options.rank),
    scale: floatBits(options.alpha / options.rank),
    rate: floatBits(options.learningRate),
    rows: bytesToHex(batchBytes(of.rows)),
  }
  const files = ranges.map(({ from, count }) => fileArgument(of.prove(from, count)))
  return { step, index: BigInt(opening.word), tables: tableArguments(opening), pieces: pieceArguments(opening), files }
}

export type UnitArguments = ReturnType<typeof unitArguments>

export function judgeOf(of: JudgedStep, table: number): 'backwardJudge' | 'forwardJudge' {
  return isBackward(of.plan.tables[table]!.name) ? 'backwardJudge' : 'forwardJudge'
}
