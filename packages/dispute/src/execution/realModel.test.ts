import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashLeaf } from '@weightless/crypto'
import { bytesSource, loadModel } from '@weightless/tensor'
import { bodyOperatorCount } from '@weightless/tensor/model/describeGraph'
import { smolLm2 } from '@weightless/tensor/weights.cases'
import { digestBytes } from '../numbers/words.ts'
import { accuse, type Execution } from '../referee/accuse.ts'
import { createDefender } from '../referee/defender.ts'
import { type JobCommitment, judge, planStep } from '../referee/judge.ts'
import { evaluateChanged, type Fault, seeded, traceRootOf } from '../referee/probeJob.cases.ts'
import { unitWords } from '../working/computeWord.ts'
import type { SourceRows, Working } from '../working/evaluateWorking.ts'
import { executeJob } from './executeJob.ts'

const isHeavy = process.env.WEIGHTLESS_HEAVY === '1'
const sampler = { temperature: 0.7, topP: 1, seed32: Uint8Array.from({ length: 32 }, (_, i) => i + 9) }

test('a changed word in SmolLM2 is found, named and judged', smolLm2.options, async (t) => {
  const bytes = smolLm2.bytes()
  const file = (from: number, count: number) => bytes.subarray(from, from + count)
  const model = await loadModel(bytes)
  const { graph } = model.parts
  const prompt = model.promptTokens([{ role: 'user', content: 'Name three rivers.' }])
  const job: JobCommitment = { graph, traceRoot: new Uint8Array(32), steps: 0, promptTokens: prompt.length, sampler }
  const tokens = [...prompt, ...Array.from({ length: isHeavy ? 30 : 3 }, (_, i) => 300 + i)]
  job.steps = tokens.length
  const own = await executeJob(model, job, tokens, bytesSource(bytes))
  const random = seeded('real faults')
  for (let round = 0; round < (isHeavy ? 20 : 2); round++) {
    const fault = drawFault(job, own.operators, tokens, random)
    const plan = planStep(job, fault.operator, fault.position, tokens[fault.position]!)
    const cheat = cheatOf(job, own, fault, await own.work(plan), file)
    if (cheat === undefined) continue
    const began = process.cpuUsage()
    const accused = await accuse(cheat.job, own, cheat.defender)
    const label = JSON.stringify(fault)
    assert.ok(accused.found === 'accusation', `${label}: ${JSON.stringify(accused)}`)
    const looked = process.cpuUsage(began).user / 1000
    const before = process.cpuUsage()
    const finding = judge(cheat.job, accused.accusation, { file, workingRoot: accused.workingRoot })
    const judged = process.cpuUsage(before).user / 1000
    assert.ok(finding.guilty, label)
    const { rule, name } = plan.tables[fault.table]!
    if (rule.kind !== 'source') {
      assert.deepEqual([finding.what, finding.element], [name, Math.floor(fault.word / unitWords(rule))], label)
    }
    t.diagnostic(
      `position ${finding.position} ${finding.operator} ${finding.what} ${finding.element}: ${plan.chunks} chunks, ${cheat.questions()} questions, looked ${looked.toFixed(0)} ms, judged ${judged.toFixed(1)} ms`,
    )
  }
})

function drawFault(
  job: JobCommitment,
  operators: readonly Uint8Array[],
  tokens: readonly number[],
  random: () => number,
): Fault {
  const position = Math.floor(random() * operators.length)
  // The widest product takes seconds; the quick form leaves it to the long one.
  const count = isHeavy ? operators[position]!.length / 32 : bodyOperatorCount(job.graph.layerCount)
  const operator = Math.floor(random() * count)
  const { tables } = planStep(job, operator, position, tokens[position]!)
  const table = Math.floor(random() * tables.length)
  return {
    position,
    operator,
    table,
    word: Math.floor(random() * tables[table]!.words),
    flip: 1 << (8 + Math.floor(random() * 8)),
  }
}

/** A provider that changed one word and went on from it: what comes after is its own, here of no meaning. */
function cheatOf(
  job: JobCommitment,
  { tokens, operators }: Execution,
  fault: Fault,
  honest: Working,
  file: (from: number, count: number) => Uint8Array,
) {
  const working = evaluateChanged(honest.plan, sourcesOf(honest), file, [fault])
  const digest = digestBytes(working.tables.at(-1)!.slice(-8))
  const changed = operators.map((digests, position) => {
    const copy = digests.slice()
    for (let o = 0; o < copy.length / 32; o++) {
      if (position < fault.position || (position === fault.position && o < fault.operator)) continue
      copy.set(
        position === fault.position && o === fault.operator ? digest : hashLeaf(copy.subarray(o * 32, o * 32 + 32)),
        o * 32,
      )
    }
    return copy
  })
  const at = fault.operator * 32
  if (digest.every((byte, i) => byte === operators[fault.position]![at + i])) return undefined
  const own = { ...job, traceRoot: traceRootOf(tokens, changed) }
  let asked = 0
  const answers = createDefender({ job: own, tokens, operators: changed, work: async () => working })
  const count =
    <Args extends unknown[], Result>(answer: (...args: Args) => Result) =>
    (...args: Args) => {
      asked++
      return answer(...args)
    }
  const defender = {
    traceHashes: count(answers.traceHashes),
    step: count(answers.step),
    workingRoot: count(answers.workingRoot),
    hashes: count(answers.hashes),
    chunk: count(answers.chunk),
  }
  return { job: own, defender, questions: () => asked }
}

/** The sources as the working has them. */
function sourcesOf({ plan, tables }: Working): SourceRows {
  return (position, operator) => {
    for (const [number, { rule }] of plan.tables.entries()) {
      if (rule.kind !== 'source' || rule.operator !== operator) continue
      const row = position - rule.first
      const at = row * rule.rowWords
      if (row >= 0 && at < tables[number]!.length) return tables[number]!.slice(at, at + rule.rowWords)
    }
    return new Uint32Array()
  }
}
