/** A small job done word by word on the probe model, honestly or with words changed on the way: what disputes are tested with. */
import { readFileSync } from 'node:fs'
import { concatBytes } from '@weightless/codec'
import { buildHashTree, hashLeaf, hashTreeRoot, sha256 } from '@weightless/crypto'
import { readGguf } from '@weightless/tensor'
import { adapterTargets } from '@weightless/tensor/adapter/adapterTargets'
import { locateAdapter } from '@weightless/tensor/adapter/locateAdapter'
import { describeGraph } from '@weightless/tensor/model/describeGraph'
import { makeProbeModel } from '@weightless/tensor/selfCheck/makeProbeModel'
import { stepDigest } from '@weightless/tensor/trace/recordSteps'
import { openLoraTrainer } from '@weightless/tensor/train/openLoraTrainer'
import type { ReadFile } from '../numbers/weightBlock.ts'
import { digestBytes, wordBytes } from '../numbers/words.ts'
import { computeUnit, unitWords } from '../working/computeWord.ts'
import { evaluateWorking, outputOf, type SourceRows, type Working } from '../working/evaluateWorking.ts'
import type { AdaptedGraph } from '../working/planOperator.ts'
import { type Rule, tokenOfStep, type WorkingPlan } from '../working/rules.ts'
import type { ReadWords } from '../working/wordReader.ts'
import type { Execution } from './accused.ts'
import type { Defence } from './defender.ts'
import type { JobCommitment } from './jobCommitment.ts'
import { planStep } from './judge.ts'

/** A word of a working that is changed after it was computed; what reads it later reads the changed one. */
export type Fault = { position: number; operator: number; table: number; word: number; flip: number }

export type ProbeModel = { graph: AdaptedGraph; file: ReadFile; bytes: Uint8Array; adapter?: Uint8Array }

export const openProbe = (): Promise<ProbeModel> => openFile(makeProbeModel())

/** The same with an adapter at every matrix, trained a little: its file lies behind the model's. */
export async function openAdapted(): Promise<ProbeModel> {
  const base = makeProbeModel()
  const seed32 = new Uint8Array(32).fill(2)
  const options = { seed32, rank: 5, alpha: 10, targets: [...adapterTargets], learningRate: 0.01 }
  const trainer = await openLoraTrainer(base.slice(), options)
  const row = { tokens: Array.from({ length: 40 }, (_, i) => (i * 13) % 200), mask: new Array(40).fill(1) }
  for (let i = 0; i < 6; i++) trainer.step([row])
  const adapter = trainer.exportAdapter()
  const both = await openFile(concatBytes([base, adapter]))
  return { ...both, graph: { ...both.graph, adapter: locateAdapter(adapter, both.graph, base.length) }, adapter }
}

/** The small model of our own, a million parameters. */
export const openBard = (): Promise<ProbeModel> => openFile(new Uint8Array(readFileSync(bardFile)))

/** A model with a matrix of each k-quant. */
export const openMoreTypes = (): Promise<ProbeModel> => openFile(new Uint8Array(readFileSync(moreTypesFile)))

/** A model of a family that is not Llama: qwen2, qwen3, gemma2 or gemma3. */
export const openFamily = (name: string): Promise<ProbeModel> =>
  openFile(new Uint8Array(readFileSync(new URL(`../../../../vectors/tensor/tiny-${name}.gguf`, import.meta.url))))

const moreTypesFile = new URL('../../../../vectors/tensor/tiny-types.gguf', import.meta.url)
const bardFile = new URL('../../../tensor/models/weightless-bard-1m.gguf', import.meta.url)

async function openFile(bytes: Uint8Array): Promise<ProbeModel> {
  return {
    graph: describeGraph(await readGguf(bytes)),
    file: (from, count) => bytes.subarray(from, from + count),
    bytes,
  }
}

export type ProbeRun = {
  job: JobCommitment
  tokens: number[]
  operators: Uint8Array[]
  outputs: ReadonlyMap<string, Uint32Array>
  sources: SourceRows
  defence: Defence
  execution: Execution
}

export type RunOptions = {
  prompt: readonly number[]
  steps: number
  sampler: JobCommitment['sampler']
  faults?: readonly Fault[]
  /** Computes words by other rules than the job's, in tables laid out as the job says. */
  asIf?: (rule: Rule) => Rule
  /** Tokens to go on with, instead of those that are chosen. */
  forced?: readonly number[]
  /** A run that is the same up to the first fault. */
  before?: ProbeRun
}

export function runProbe(model: ProbeModel, options: RunOptions): ProbeRun {
  const { prompt, steps, sampler, faults = [], asIf } = options
  const { graph, file } = model
  const job: JobCommitment = { graph, traceRoot: new Uint8Array(32), steps, promptTokens: prompt.length, sampler }
  const operatorCount = 1 + 7 * graph.layerCount
  const outputs = new Map<string, Uint32Array>()
  const sources: SourceRows = (t, o) => (o === tokenOfStep ? Uint32Array.of(tokens[t]!) : outputs.get(`${t} ${o}`)!)
  const work = (plan: WorkingPlan, from: SourceRows, read: ReadFile) => {
    if (!asIf) return evaluateChanged(plan, from, read, faults)
    const tables = plan.tables.map((table) => ({ ...table, rule: asIf(table.rule) }))
    return { ...evaluateChanged({ ...plan, tables }, from, read, faults), plan }
  }
  const tokens: number[] = []
  const operators: Uint8Array[] = []
  const isBefore = (t: number, o: number) =>
    faults.every((fault) => t < fault.position || (t === fault.position && o < fault.operator))
  for (let t = 0; t < steps; t++) {
    const chosen = t < prompt.length ? prompt[t]! : outputs.get(`${t - 1} ${operatorCount + 2}`)![0]! % graph.vocabSize
    tokens.push(options.forced?.[t] ?? chosen)
    const count = t < prompt.length - 1 ? operatorCount : operatorCount + 3
    const digests = new Uint8Array(count * 32)
    for (let o = 0; o < count; o++) {
      const known =
        options.before &&
        (o < operatorCount + 2 || (!asIf && options.before.job.sampler === sampler)) &&
        options.before.tokens[t] === tokens[t] &&
        isBefore(t, o) &&
        options.before.outputs.get(`${t} ${o}`)
      if (known) {
        outputs.set(`${t} ${o}`, known)
        digests.set(options.before!.operators[t]!.subarray(o * 32, o * 32 + 32), o * 32)
        continue
      }
      const working = work(planStep(job, o, t, tokens[t]!), sources, file)
      outputs.set(`${t} ${o}`, outputOf(working))
      digests.set(digestBytes(working.tables.at(-1)!.slice(-8)), o * 32)
    }
    operators.push(digests)
  }
  job.traceRoot = traceRootOf(tokens, operators)
  const made = async (plan: WorkingPlan) => work(plan, sources, file)
  const defence: Defence = { job, tokens, operators, work: made }
  const record = (position: number) => {
    const words = outputs.get(`${position} ${operatorCount + 2}`)
    return words && wordBytes(words)
  }
  const execution: Execution = { tokens, operators, record, work: made, file: async () => file }
  return { job, tokens, operators, outputs, sources, defence, execution }
}

export function traceRootOf(tokens: readonly number[], operators: readonly Uint8Array[]): Uint8Array {
  return hashTreeRoot(buildHashTree(operators.map((digests, t) => hashLeaf(stepDigest(t, tokens[t]!, digests)))))
}

/** A working in which some words were changed as soon as they were computed. */
export function evaluateChanged(
  plan: WorkingPlan,
  sources: SourceRows,
  file: ReadFile,
  faults: readonly Fault[],
): Working {
  const own = faults.filter(({ position, operator }) => position === plan.position && operator === plan.operator)
  if (own.length === 0) return evaluateWorking(plan, sources, file)
  const tables: Uint32Array[] = []
  const words: ReadWords = (table, from, count) => tables[table]!.subarray(from, from + count)
  plan.tables.forEach(({ rule, words: length }, table) => {
    const values = new Uint32Array(length)
    tables.push(values)
    const unit = unitWords(rule)
    const change = (from: number, to: number) => {
      for (const { word, flip } of own.filter((f) => f.table === table && f.word >= from && f.word < to))
        values[word]! ^= flip
    }
    if (rule.kind === 'source') {
      for (let row = 0; row * rule.rowWords < length; row++) {
        values.set(sources(rule.first + row, rule.operator), row * rule.rowWords)
      }
      change(0, length)
      return
    }
    for (let at = 0; at < length; at += unit) {
      values.set(computeUnit(plan.tables, table, at, { words, file }), at)
      change(at, at + unit)
    }
  })
  return { plan, tables }
}

/** Numbers below 1 from a seed, the same everywhere. */
export function seeded(seed: string): () => number {
  let state = sha256(new TextEncoder().encode(seed))
  return () => {
    state = sha256(state)
    return new DataView(state.buffer, state.byteOffset).getUint32(0) / 2 ** 32
  }
}
