/** What a provider answers when it is asked about a trace of its own. Spec: spec/dispute.md §8. */
import { buildHashTree, type HashTree, hashLeaf, hashTreePath, hashTreeRoot } from '@weightless/crypto'
import { bodyOperatorCount } from '@weightless/tensor/model/describeGraph'
import { stepDigest } from '@weightless/tensor/trace/recordSteps'
import { levelsAtOnce } from '../tree/firstDifference.ts'
import { chunkBytes, type Working, workingTree } from '../working/evaluateWorking.ts'
import type { WorkingPlan } from '../working/rules.ts'
import type { JobCommitment } from './jobCommitment.ts'
import { planStep } from './judge.ts'
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
  /** @throws what making it throws */
  work(plan: WorkingPlan): Promise<Working>
}

/** Keeps the working asked for last. A question about what is not there is answered with nothing. */
export function createDefender({ job, tokens, operators, work }: Defence): Defender {
  const sample = bodyOperatorCount(job.graph.layerCount) + 2
  const trace = buildHashTree(operators.map((digests, t) => hashLeaf(stepDigest(t, tokens[t]!, digests))))
  let last: { key: string; made: Promise<{ working: Working; tree: HashTree }> } | undefined
  async function workingOf(position: number, operator: number) {
    if (!isBelow(operator, (operators[position]?.length ?? 0) / 32)) return undefined
    // Of a choice under masks there is none (§6).
    if (job.mask && operator === sample) return undefined
    const key = `${position} ${operator}`
    if (last?.key !== key) last = { key, made: make(position, operator) }
    return last.made
  }
  async function make(position: number, operator: number) {
    const working = await work(planStep(job, operator, position, tokens[position]!))
    return { working, tree: workingTree(working) }
  }
  return {
    traceHashes: async (level, index) => hashesBelow(trace, level, index),
    async step(position) {
      const digests = operators[position]
      if (digests === undefined) return undefined
      return { position, token: tokens[position]!, operators: digests, path: hashTreePath(trace, position) }
    },
    async workingRoot(position, operator) {
      const made = await workingOf(position, operator)
      return made && hashTreeRoot(made.tree)
    },
    async hashes(position, operator, level, index) {
      const made = await workingOf(position, operator)
      return made && hashesBelow(made.tree, level, index)
    },
    async chunk(position, operator, chunk) {
      const made = await workingOf(position, operator)
      return made && isBelow(chunk, made.working.plan.chunks) ? chunkBytes(made.working, chunk) : undefined
    },
  }
}

function isBelow(index: number, count: number): boolean {
  return Number.isInteger(index) && index >= 0 && index < count
}

function hashesBelow(tree: HashTree, level: number, index: number): readonly Uint8Array[] | undefined {
  if (!isBelow(level, tree.levels.length) || !isBelow(index, tree.levels[level]!.length)) return undefined
  const down = Math.min(level, levelsAtOnce)
  return tree.levels[level - down]!.slice(index * 2 ** down, (index + 1) * 2 ** down)
}
