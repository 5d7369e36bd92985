/** What a provider answers when it is asked about a trace of its own. Spec: spec/dispute.md §8. */

import { buildHashTree, type HashTree, hashLeaf, hashTreePath, hashTreeRoot } from '@weightless/crypto'
import type { ReadFile } from '../numbers/weightBlock.ts'
import { levelsAtOnce } from '../tree/firstDifference.ts'
import { chunkBytes, evaluateWorking, type SourceRows, type Working, workingTree } from '../working/evaluateWorking.ts'
import { type JobCommitment, planStep } from './judge.ts'
import type { StepOpening } from './stepOpening.ts'

/** Nothing is an answer too: it could not, or would not. */
export type Defender = {
  /** Of the trace's tree, as `hashes` of a working's. */
  traceHashes(level: number, index: number): Promise<readonly Uint8Array[] | undefined>
  step(position: number): Promise<StepOpening | undefined>
  workingRoot(position: number, operator: number): Promise<Uint8Array | undefined>
  /** Hashes at `max(0, level − levelsAtOnce)` below node `index` of level `level`, from left to right. */
  hashes(position: number, operator: number, level: number, index: number): Promise<readonly Uint8Array[] | undefined>
  chunk(position: number, operator: number, chunk: number): Promise<Uint8Array | undefined>
}

/** The job as the provider did it. */
export type Defence = {
  job: JobCommitment
  tokens: readonly number[]
  /** Operators' digests of each step, one after another. */
  operators: readonly Uint8Array[]
  stepDigests: readonly Uint8Array[]
  sources: SourceRows
  file: ReadFile
}

/** Keeps the working asked for last. */
export function createDefender(defence: Defence, work = evaluateWorking): Defender {
  const trace = buildHashTree(defence.stepDigests.map(hashLeaf))
  let last: { key: string; working: Working; tree: HashTree } | undefined
  function workingOf(position: number, operator: number) {
    const key = `${position} ${operator}`
    if (last?.key !== key) {
      const plan = planStep(defence.job, operator, position, defence.tokens[position]!)
      const working = work(plan, defence.sources, defence.file)
      last = { key, working, tree: workingTree(working) }
    }
    return last
  }
  return {
    traceHashes: async (level, index) => hashesBelow(trace, level, index),
    async step(position) {
      const operators = defence.operators[position]
      if (operators === undefined) return undefined
      return { position, token: defence.tokens[position]!, operators, path: hashTreePath(trace, position) }
    },
    workingRoot: async (position, operator) => hashTreeRoot(workingOf(position, operator).tree),
    hashes: async (position, operator, level, index) => hashesBelow(workingOf(position, operator).tree, level, index),
    chunk: async (position, operator, chunk) => chunkBytes(workingOf(position, operator).working, chunk),
  }
}

function hashesBelow(tree: HashTree, level: number, index: number): readonly Uint8Array[] | undefined {
  const down = Math.min(level, levelsAtOnce)
  return tree.levels[level - down]?.slice(index << down, (index + 1) << down)
}
