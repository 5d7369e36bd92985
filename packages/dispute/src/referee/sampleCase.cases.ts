/** One choice of a token from given logits, as a working that can be accused: what the sampler's rules are tested with. */
import { buildHashTree, hashLeaf, hashTreePath, hashTreeRoot } from '@weightless/crypto'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { stepDigest } from '@weightless/tensor/trace/recordSteps'
import { wordBytes } from '../numbers/words.ts'
import {
  chunkBytes,
  evaluateWorking,
  outputOf,
  type SourceRows,
  type Working,
  workingTree,
} from '../working/evaluateWorking.ts'
import { type Draw, tokenOfStep, type WorkingPlan } from '../working/rules.ts'
import type { Finding } from './accusation.ts'
import type { JobCommitment } from './jobCommitment.ts'
import { judge, planStep } from './judge.ts'

export type SampleCase = {
  plan: WorkingPlan
  /** Honest. */
  working: Working
  /** 24 bytes (TENSOR §7). */
  record: Uint8Array
  /** What the judge says of the unit that begins at a word, all chunks shown. */
  judge(working: Working, table: number, index: number): Finding
}

/**
 * A prompt of one token, and the draw's index as the position.
 * @param said - tokens of the answer so far, as many as the index; else zeros
 */
export function makeSampleCase(
  graph: Graph,
  logits: Float32Array,
  draw: Draw,
  said: readonly number[] = [],
): SampleCase {
  const position = draw.index
  const { index: _, ...sampler } = draw
  const tokenAt = (t: number) => (t === 0 ? 0 : (said[t - 1] ?? 0))
  const operators = new Uint8Array(0)
  const steps = Array.from({ length: position + 1 }, (_, t) => hashLeaf(stepDigest(t, tokenAt(t), operators)))
  const trace = buildHashTree(steps)
  const job: JobCommitment = {
    graph: { ...graph, vocabSize: logits.length },
    traceRoot: hashTreeRoot(trace),
    steps: steps.length,
    promptTokens: 1,
    sampler,
  }
  const operator = 3 + 7 * graph.layerCount
  const plan = planStep(job, operator, position, tokenAt(position))
  const file = () => new Uint8Array()
  const rows: SourceRows = (t, o) =>
    o === tokenOfStep ? Uint32Array.of(tokenAt(t)) : new Uint32Array(logits.slice().buffer)
  const working = evaluateWorking(plan, rows, file)
  const step = { position, token: tokenAt(position), operators, path: hashTreePath(trace, position) }
  return {
    plan,
    working,
    record: wordBytes(outputOf(working)),
    judge(shown, table, index) {
      const tree = workingTree(shown)
      const chunks = Array.from({ length: plan.chunks }, (_, chunk) => {
        return { chunk, bytes: chunkBytes(shown, chunk), path: hashTreePath(tree, chunk) }
      })
      const opening = { step, operator, chunks }
      const evidence = { file, workingRoot: hashTreeRoot(tree) }
      return judge(job, { kind: 'word', working: opening, table, index }, evidence)
    },
  }
}

/** Logits and draws at which a choice could go either way. */
export function borderlineChoices(): { name: string; logits: Float32Array; draw: Omit<Draw, 'seed32' | 'index'> }[] {
  const equal = (count: number) => new Float32Array(count).fill(1.5)
  const steps = (count: number, by: number) => Float32Array.from({ length: count }, (_, i) => -by * ((i * 7) % count))
  const tiny = 2 ** -149
  return [
    { name: 'a share that is reached exactly', logits: equal(4), draw: { temperature: 1, topP: 0.5 } },
    { name: 'a share just missed', logits: equal(4), draw: { temperature: 1, topP: 0.5 + 2 ** -53 } },
    { name: 'ties across runs', logits: equal(600), draw: { temperature: 0.7, topP: 0.75 } },
    { name: 'one token of two', logits: Float32Array.of(3, 3), draw: { temperature: 1, topP: 0.5 } },
    { name: 'the least share there is', logits: steps(300, 0.01), draw: { temperature: 1, topP: 5e-324 } },
    { name: 'the largest share below all', logits: steps(300, 0.1), draw: { temperature: 1, topP: 1 - 2 ** -53 } },
    { name: 'a share of nothing', logits: steps(30, 0.1), draw: { temperature: 1, topP: 0 } },
    { name: 'weights that vanish', logits: steps(300, 0.3), draw: { temperature: 0.9, topP: 0.9 } },
    { name: 'a temperature near zero', logits: steps(20, 1), draw: { temperature: tiny, topP: 0.9 } },
    { name: 'logits near zero', logits: Float32Array.of(tiny, 0, -tiny, -0), draw: { temperature: tiny, topP: 1 } },
    { name: 'logits far apart', logits: Float32Array.of(3e38, -3e38, 2.9e38), draw: { temperature: 1e38, topP: 1 } },
    { name: 'a difference beyond f32', logits: Float32Array.of(3e38, -3e38), draw: { temperature: 3e38, topP: 0.9 } },
    { name: 'a single token', logits: Float32Array.of(-2), draw: { temperature: 2, topP: 0.3 } },
    { name: 'zeros of both signs', logits: Float32Array.of(-0, 0, -0), draw: { temperature: 0, topP: 1 } },
    { name: 'equal largest ones of two runs', logits: equal(513), draw: { temperature: 0, topP: 1 } },
  ]
}
