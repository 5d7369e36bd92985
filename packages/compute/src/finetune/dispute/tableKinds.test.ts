/**
 * One wrong word in each kind of table of a step, found by questions and judged from what is shown. Heavy: on SmolLM2, and after 1,000 steps of the
 * small model, with what it takes beside the job. Spec: spec/dispute.md §14
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { accuseTraining, judgeTraining, openTrainingParty, type TrainingRecord } from '@weightless/dispute'
import { tamperRecord, tamperTrace } from '@weightless/dispute/training/tamper.cases'
import type { TrainingBundle } from '@weightless/receipt/training'
import { makeProbeModel } from '@weightless/tensor/selfCheck/makeProbeModel'
import { smolLm2 } from '@weightless/tensor/weights.cases'
import type { TrainingExample } from '../readDataset.ts'
import { readTrainingParameters } from '../trainingParameters.ts'
import { replayTraining, type TrainingReplay } from './replayTraining.ts'

const isHeavy = process.env.WEIGHTLESS_HEAVY === '1'
const bard = new URL('../../../../tensor/models/weightless-bard-1m.gguf', import.meta.url)
const says: (text: string) => void = (text) => process.stdout.write(`# ${text}\n`)

const examplesOf = (count: number): TrainingExample[] =>
  Array.from({ length: count }, (_, at) => ({ prompt: `Door ${at} is number`, completion: ` ${at * 7 + 3}.` }))

type Case = { weights: Uint8Array; parameters: object; examples: TrainingExample[]; step: number }

async function open({ weights, parameters, examples }: Case): Promise<{ replay: TrainingReplay; cpuMs: number }> {
  const read = readTrainingParameters(JSON.stringify({ validation_split: 0, ...parameters }))
  assert.ok(read.ok, read.ok ? '' : read.detail)
  const began = process.cpuUsage()
  const replay = await replayTraining(weights, { examples, parameters: read.value.parameters })
  return { replay, cpuMs: cpuSince(began) }
}

type Effort = { kind: string; questions: number; bytes: number; judgeMs: number; reads: number }

/** A wrong word in one table of each kind. */
async function plantEach(replay: TrainingReplay, step: number): Promise<Effort[]> {
  const { job, record, charged } = replay
  const state = await record.stateAt(step)
  const trace = await record.traceAt(step)
  const own: TrainingReplay = {
    ...replay,
    record: { ...record, stateAt: async () => state, traceAt: async () => trace },
  }
  const kinds = new Map<string, number>()
  for (const [table, { name }] of job.planAt(step).tables.entries()) {
    // The last of a kind: sums of gradients then have others before them.
    kinds.set(name.replace(/\d+/g, '#'), table)
  }
  const efforts: Effort[] = []
  for (const [kind, table] of kinds) {
    const { words } = job.planAt(step).tables[table]!
    const word = (table * 7919 + 13) % words
    const lie = await tamperRecord(own.record, step, tamperTrace(trace, table, word))
    const { defender, count } = counted(lie)
    const final = lie.states.at(-1)!
    const accused = await accuseTraining(own, final, defender)
    assert.ok(accused.found === 'accusation', `${kind}: ${JSON.stringify(accused)}`)
    const receipt = { traceRoot: bytesToHex(final) }
    const bundle = { receipt, opening: { adapterRoot: '0x' } } as unknown as TrainingBundle
    const outline = charged.outline(bundle, job.steps)
    const work = { reads: 0 }
    const planStep: typeof outline.planStep = (at, rows) => {
      const plan = outline.planStep(at, rows)
      const tables = plan?.tables.map((one) => ({
        ...one,
        rule: (read: Parameters<typeof one.rule>[0]) =>
          one.rule((name) => {
            const source = read(name)
            return (i) => {
              work.reads++
              return source(i)
            }
          }),
      }))
      return plan && tables && { ...plan, tables }
    }
    const began = process.cpuUsage()
    const finding = await judgeTraining({ ...outline, planStep }, accused.accusation, accused.roots)
    const judgeMs = cpuSince(began)
    assert.ok(finding.guilty, `${kind}: ${JSON.stringify(finding)}`)
    const { name } = job.planAt(step).tables[table]!
    assert.deepEqual([finding.kind, finding.step, finding.what, finding.element], ['word', step, name, word])
    assert.notEqual(finding.expected, finding.claimed)
    efforts.push({ kind, ...count, judgeMs, reads: work.reads })
  }
  return efforts
}

function counted(record: TrainingRecord) {
  const { root, party } = openTrainingParty(record)
  const count = { questions: 0, bytes: 0 }
  const defender = { ...party, runRoot: async () => root }
  for (const [name, ask] of Object.entries(defender) as [
    keyof typeof defender,
    (...of: never[]) => Promise<unknown>,
  ][]) {
    Object.assign(defender, {
      async [name](...of: never[]) {
        const answer = await ask(...of)
        count.questions++
        count.bytes += bytesIn(answer)
        return answer
      },
    })
  }
  return { defender, count }
}

function bytesIn(answer: unknown): number {
  if (answer instanceof Uint8Array) return answer.length
  if (typeof answer !== 'object' || answer === null) return 0
  return Object.values(answer).reduce((sum: number, part) => sum + bytesIn(part), 0)
}

function cpuSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1000
}

function tell(what: string, efforts: readonly Effort[], job?: { cpuMs: number; products: number }): void {
  const most = (pick: (effort: Effort) => number) => Math.max(...efforts.map(pick))
  const dearest = efforts.toSorted((a, b) => b.reads - a.reads)[0]!
  says(
    `${what}: ${efforts.length} kinds of tables; at most ${most(({ questions }) => questions)} questions, ` +
      `${most(({ bytes }) => bytes)} bytes of answers; judge at most ${most(({ judgeMs }) => judgeMs).toFixed(1)} ms CPU, ` +
      `${dearest.reads} numbers read (${dearest.kind}); ${Math.round(process.memoryUsage().rss / 1e6)} MB`,
  )
  if (!job) return
  const share = (part: number, whole: number) => `1/${Math.round(whole / part).toLocaleString('en')}`
  const mean = efforts.reduce((sum, { judgeMs }) => sum + judgeMs, 0) / efforts.length
  says(
    `${what}: job ${(job.cpuMs / 1000).toFixed(1)} s CPU, ${job.products.toExponential(2)} products; judge's numbers ` +
      `${share(dearest.reads, job.products)} of the job at most; its CPU ${share(
        most(({ judgeMs }) => judgeMs),
        job.cpuMs,
      )} at most, ${share(mean, job.cpuMs)} on average`,
  )
}

const lora = {
  lora_r: 3,
  target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
}
const full = { method: 'full', max_seq_length: 9 }

for (const [name, parameters] of [
  ['an adapter', lora],
  ['all weights', full],
] as const) {
  test(`a wrong word of each kind of table of ${name} is found and judged`, async () => {
    const weights = makeProbeModel()
    const { replay } = await open({
      ...{ weights, examples: examplesOf(6), step: 2 },
      parameters: { ...parameters, per_device_train_batch_size: 2, max_steps: 3 },
    })
    const efforts = await plantEach(replay, 2)
    assert.ok(efforts.length > 30, `${efforts.length} kinds`)
    for (const { kind, questions } of efforts) assert.ok(questions <= 24, `${kind}: ${questions} questions`)
  })
}

test('so it is on SmolLM2, with an adapter on q, v and down', {
  ...smolLm2.options,
  ...(isHeavy ? {} : { skip: 'heavy' }),
}, async () => {
  const parameters = { lora_r: 8, target_modules: ['q_proj', 'v_proj', 'down_proj'], max_steps: 2 }
  const began = performance.now()
  const { replay } = await open({
    ...{ weights: smolLm2.bytes(), examples: examplesOf(3), step: 1 },
    parameters: { ...parameters, per_device_train_batch_size: 3 },
  })
  says(`SmolLM2: two steps in ${((performance.now() - began) / 1000).toFixed(0)} s`)
  const traced = performance.now()
  const efforts = await plantEach(replay, 1)
  says(`SmolLM2: trace and ${efforts.length} disputes in ${((performance.now() - traced) / 1000).toFixed(0)} s`)
  tell('SmolLM2, an adapter', efforts)
})

for (const [name, parameters, passes] of [
  ['an adapter', { lora_r: 8, target_modules: ['q_proj', 'v_proj'] }, 2],
  ['all weights', { method: 'full', max_seq_length: 65 }, 3],
] as const) {
  test(`what judging takes beside 1,000 steps of ${name} of the small model`, {
    skip: isHeavy ? false : 'heavy',
  }, async () => {
    const weights = new Uint8Array(readFileSync(bard))
    const examples = examplesOf(200)
    const { replay, cpuMs } = await open({
      ...{ weights, examples, step: 700 },
      parameters: { ...parameters, per_device_train_batch_size: 4, num_train_epochs: 1_000, max_steps: 1_000 },
    })
    const { job, run } = replay
    assert.equal(job.steps, 1_000)
    const efforts = await plantEach(replay, 700)
    const { trainedTokens } = run.plan
    const graphWords = 918_656
    tell(name, efforts, { cpuMs, products: passes * graphWords * trainedTokens })
    const dearest = Math.max(...efforts.map(({ reads }) => reads))
    assert.ok(dearest * 10_000 <= passes * graphWords * trainedTokens, 'the judge computes at most a ten-thousandth')
  })
}
