import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesSource, loadModel } from '@weightless/tensor'
import { bodyOperatorCount, layerOperators } from '@weightless/tensor/model/describeGraph'
import { smolLm2 } from '@weightless/tensor/weights.cases'
import type { ReadFile } from '../numbers/weightBlock.ts'
import { accuse } from '../referee/accuse.ts'
import type { Execution } from '../referee/accused.ts'
import { createDefender } from '../referee/defender.ts'
import type { JobCommitment } from '../referee/jobCommitment.ts'
import { judge, planStep } from '../referee/judge.ts'
import { type Fault, seeded, traceRootOf } from '../referee/probeJob.cases.ts'
import { unitWords } from '../working/computeWord.ts'
import type { Working } from '../working/evaluateWorking.ts'
import type { WorkingPlan } from '../working/rules.ts'
import { changeExecution } from './changedExecution.cases.ts'
import { executeJob } from './executeJob.ts'

const isHeavy = process.env.WEIGHTLESS_HEAVY === '1'
const sampler = { temperature: 0.7, topP: 1, seed32: Uint8Array.from({ length: 32 }, (_, i) => i + 9) }

test('changed words in SmolLM2 are found, named and judged', smolLm2.options, async (t) => {
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
  const wanted = isHeavy ? 20 : 2
  let shown = 0
  for (let turn = 0; shown < wanted; turn++) {
    assert.ok(turn < 20 * wanted, 'enough faults change the answer')
    const faults = [drawFault(job, tokens, random, turn)]
    const [{ operator, position }] = faults as [Fault]
    const plan = planStep(job, operator, position, tokens[position]!)
    // Every other provider changed two words.
    if (turn % 2 === 1) faults.push({ position, operator, ...drawWord(plan, random) })
    const cheat = cheatOf(job, own, faults, await own.work(plan), file)
    if (cheat === undefined) continue
    shown++
    const began = process.cpuUsage()
    const accused = await accuse(cheat.job, own, cheat.defender)
    const label = JSON.stringify(faults)
    assert.ok(accused.found === 'accusation', `${label}: ${JSON.stringify(accused)}`)
    const looked = process.cpuUsage(began).user / 1000
    const before = process.cpuUsage()
    const finding = judge(cheat.job, accused.accusation, { file, workingRoot: accused.workingRoot })
    const judged = process.cpuUsage(before).user / 1000
    assert.ok(finding.guilty, label)
    const places = faults.map(({ table, word }) => {
      const { rule, name } = plan.tables[table]!
      return rule.kind === 'source' ? undefined : `${name} ${Math.floor(word / unitWords(rule))}`
    })
    assert.ok(places.includes(undefined) || places.includes(`${finding.what} ${finding.element}`), label)
    t.diagnostic(
      `${faults.length} at position ${finding.position} ${finding.operator} ${finding.what} ${finding.element}: ${plan.chunks} chunks, ${cheat.questions()} questions, looked ${looked.toFixed(0)} ms, judged ${judged.toFixed(1)} ms`,
    )
  }
})

/** Kinds of operators come in turn, layers and words by lot. */
function drawFault(job: JobCommitment, tokens: readonly number[], random: () => number, turn: number): Fault {
  const { layerCount } = job.graph
  const body = bodyOperatorCount(layerCount)
  // The widest product takes seconds; the quick form leaves it to the long one.
  const kinds = 1 + layerOperators.length + (isHeavy ? 3 : 0)
  const kind = (turn * 3) % kinds
  const isHead = kind > layerOperators.length
  const layer = Math.floor(random() * layerCount)
  const inLayer = kind === 0 ? 0 : layer * layerOperators.length + kind
  const operator = isHead ? body + kind - layerOperators.length - 1 : inLayer
  const first = isHead ? job.promptTokens - 1 : 0
  const position = first + Math.floor(random() * (tokens.length - first))
  return { position, operator, ...drawWord(planStep(job, operator, position, tokens[position]!), random) }
}

function drawWord({ tables }: WorkingPlan, random: () => number): Pick<Fault, 'table' | 'word' | 'flip'> {
  const table = Math.floor(random() * tables.length)
  return { table, word: Math.floor(random() * tables[table]!.words), flip: 1 << (8 + Math.floor(random() * 8)) }
}

/** A provider that changed words of one operator. */
function cheatOf(job: JobCommitment, own: Execution, faults: readonly Fault[], honest: Working, file: ReadFile) {
  const changed = changeExecution(own, faults, honest, file)
  if (changed === undefined) return undefined
  const { tokens, operators, work } = changed
  const claimed = { ...job, traceRoot: traceRootOf(tokens, operators) }
  let asked = 0
  const answers = createDefender({ job: claimed, tokens, operators, work })
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
  return { job: claimed, defender, questions: () => asked }
}
