import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bytesToHex, hexToBytes } from '@weightless/codec'
import { encodeFullState } from '@weightless/tensor/train/full/fullState'
import { createFullTrainer, fullStateHash, takeFullStep } from '@weightless/tensor/train/full/fullTrainer'
import { chance, makeCorpus, makeModel, options } from '@weightless/tensor/train/full/trainAndSaveFull.cases'
import { widenTensor } from '../numbers/weightChunk.ts'
import { fullJob, fullStart, progressAt } from './fullJob.ts'
import { refereeTraining, type TrainingClaim, type TrainingVerdict } from './refereeTraining.ts'
import { planFullStep } from './stepPlan.ts'
import type { StepTable } from './stepTable.ts'
import { traceStep } from './traceStep.ts'
import type { TrainingJob } from './trainingJob.ts'
import { openTrainingParty, type TrainingParty, type TrainingRecord } from './trainingParty.ts'
import { pieceDigests, readState, rootOfPieces, type TrainingState } from './trainingState.ts'

const steps = 20
const wrongAt = 13

type Facts = Parameters<typeof fullJob>[0]
type Run = { job: TrainingJob; facts: Facts; states: TrainingState[]; roots: Uint8Array[] }

async function train(tied: boolean): Promise<Run> {
  const corpus = makeCorpus(5 * 6 + 1, 6)
  const trainer = await createFullTrainer(makeModel(tied), corpus, options)
  const states = [readState(encodeFullState(trainer))]
  const roots = [hexToBytes(fullStateHash(trainer))]
  for (let i = 0; i < steps; i++) {
    roots.push(hexToBytes(takeFullStep(trainer).stateHash))
    states.push(readState(encodeFullState(trainer)))
  }
  const { parts, description } = trainer
  const { programId } = description
  const facts = { graph: parts.graph, programId, options: trainer.options, corpus, steps, start: roots[0]! }
  return { job: fullJob(facts), facts, states, roots }
}

function recordOf({ job, states, roots }: Run): TrainingRecord {
  return {
    states: roots,
    headAt: job.headAt,
    stateAt: async (at) => states[at]!,
    traceAt: async (step) => traceStep(job.planAt(step), states[step]!),
  }
}

type Cheat = {
  /** Changes a table of the step. */
  alter?: (table: StepTable, values: Float32Array) => void
  /** Another plan of the step than the job's. */
  plan?: (facts: Facts) => ReturnType<typeof planFullStep>
  /** Another head of the state after it. */
  head?: (head: Uint8Array) => Uint8Array
}

/** Trains honestly up to a step, takes that as the cheat says, and goes on honestly, with a trace for every step that leads to its states. */
function cheat({ job, facts, states, roots }: Run, how: Cheat, at = wrongAt): Run & { record: TrainingRecord } {
  const own = states.slice(0, at + 1)
  const hashes = roots.slice(0, at + 1)
  const trace = (step: number) =>
    step === at
      ? traceStep(how.plan?.(facts) ?? job.planAt(step), own[step]!, how.alter ? { alter: how.alter } : {})
      : traceStep(job.planAt(step), own[step]!)
  for (let step = at; step < job.steps; step++) {
    // What comes after the wrong step matters to nobody here: states differ from there on.
    const state = step === at ? trace(step).after : own.at(-1)!
    const head = job.headAt(step + 1)
    own.push(state)
    hashes.push(rootOfPieces(step === at ? (how.head?.(head) ?? head) : head, pieceDigests(state)))
  }
  const headOf = (i: number) => (i === at + 1 ? (how.head?.(job.headAt(i)) ?? job.headAt(i)) : job.headAt(i))
  const record = {
    states: hashes,
    headAt: headOf,
    stateAt: async (i: number) => own[i]!,
    traceAt: async (step: number) => trace(step),
  }
  return { job, facts, states: own, roots: hashes, record }
}

/** Counts what a party is asked. */
function counted({ root, party }: TrainingClaim) {
  const count = { questions: 0 }
  const asked = new Proxy(party, {
    get(target, name) {
      const answer = target[name as keyof TrainingParty] as (...values: unknown[]) => unknown
      return (...values: unknown[]) => {
        count.questions++
        return answer(...values)
      }
    },
  })
  return { claim: { root, party: asked }, count }
}

const changeWord = (name: string, at: number) => ({
  alter(table: StepTable, values: Float32Array) {
    if (table.name === name) values[at] = values[at]! + 2 ** -9
  },
})

describe('a dispute over a training', async () => {
  const honest = await train(true)
  const claim = openTrainingParty(recordOf(honest))
  const other = (changed: Partial<Facts['options']>) => (facts: Facts) =>
    fullJob({ ...facts, options: { ...facts.options, ...changed } }).planAt(wrongAt)
  const rowsOf = (job: Facts, pick: (rows: number[]) => number[]) => {
    const { rowsSeen } = progressAt(job, wrongAt)
    const all = Array.from({ length: job.corpus.rowCount }, (_, i) => i)
    const rows = pick(all.map((i) => (i + rowsSeen) % all.length)).map((i) => job.corpus.rowAt(i))
    return planFullStep({ graph: job.graph, options: job.options, step: wrongAt, rows })
  }
  const count = honest.job.planAt(wrongAt).tables.filter(({ name }) => name.endsWith('layer 0 x')).length

  const cheats: [string, Cheat, RegExp][] = [
    ['a wrong moment', changeWord('new v/blk.1.ffn_up.weight', 700), /^new v\/blk.1.ffn_up/],
    ['a flipped weight', changeWord('new p/token_embd.weight', 3000), /^new p\/token_embd/],
    ['a wrong activation', changeWord('row 0 layer 1 attention.mix', 5), /^row 0 layer 1 attention.mix$/],
    ['a wrong gradient', changeWord('row 1 gradient blk.0.attn_k.weight', 9), /^row 1 gradient blk.0.attn_k/],
    ['a wrong norm', changeWord('norm 0', 2), /^norm 0$/],
    ['a wrong learning rate', { plan: other({ learningRate: 1e-3 }) }, /^new p\//],
    ['no clipping', { plan: other({ clipNorm: 0 }) }, /^new m\//],
    ['data in another order', { plan: (job) => rowsOf(job, (rows) => rows.slice(0, count).reverse()) }, /layer 0 x$/],
    ['skipped data', { plan: (job) => rowsOf(job, (rows) => rows.slice(-count)) }, /layer 0 x$/],
    ['a wrong counter of random words', { plan: other({ seed32: new Uint8Array(32) }) }, /layer 0 x$/],
  ]
  for (const [what, how, table] of cheats) {
    it(`finds ${what}`, async () => {
      const dishonest = openTrainingParty(cheat(honest, how).record)
      for (const [pair, loser] of [
        [{ a: claim, b: dishonest }, 'b'],
        [{ a: dishonest, b: claim }, 'a'],
      ] as const) {
        const verdict = await refereeTraining(honest.job, pair)
        assert.deepEqual([verdict.losers, verdict.why, verdict.step], [[loser], 'word', wrongAt])
        assert.match(verdict.table!, table)
        assert.ok(verdict.word !== undefined && verdict.expected !== verdict.claimed)
      }
    })
  }

  it('finds random faults in any table, one or two of them', async () => {
    const { tables } = honest.job.planAt(wrongAt)
    const draw = (i: number, n: number) => Math.floor(chance(i, 91) * n)
    const draws = process.env.WEIGHTLESS_HEAVY === '1' ? 100 : 4
    let found = 0
    for (let i = 0; i < draws; i++) {
      for (const faults of [1, 2]) {
        const places = Array.from({ length: faults }, (_, k) => draw(i * 7 + faults * 3 + k, tables.length)).sort(
          (a, b) => a - b,
        )
        const names = places.map((place) => tables[place]!.name)
        const alter = (table: StepTable, values: Float32Array) => {
          const at = draw(i * 5 + 1, values.length)
          if (names.includes(table.name)) values[at] = values[at]! === 0 ? 2 ** -7 : -values[at]!
        }
        const { record } = cheat(honest, { alter })
        // What nothing follows from, as at a row's last position, leaves the state as it is.
        if (bytesToHex(record.states[wrongAt + 1]!) === bytesToHex(honest.roots[wrongAt + 1]!)) continue
        found++
        const wrong = openTrainingParty(record)
        const sidesOf = i % 2 === 0 ? { a: wrong, b: claim } : { a: claim, b: wrong }
        const { losers, table } = await refereeTraining(honest.job, sidesOf)
        assert.deepEqual(losers, [i % 2 === 0 ? 'a' : 'b'])
        assert.ok(names.includes(table!))
      }
    }
    assert.ok(found > draws, `${found} faults of ${2 * draws} changed the state`)
  })

  it('finds a head that lies about the cursor, a state that no trace leads to, and a false start', async () => {
    const text = (change: (head: { rowsSeen: number }) => void) => (head: Uint8Array) => {
      const value = JSON.parse(new TextDecoder().decode(head))
      change(value)
      return new TextEncoder().encode(JSON.stringify(value))
    }
    const head = text((value) => {
      value.rowsSeen += 2
    })
    const verdict = await refereeTraining(honest.job, {
      a: openTrainingParty(cheat(honest, { head }).record),
      b: claim,
    })
    assert.deepEqual(verdict, { losers: ['a'], why: 'state', step: wrongAt })
    const record = recordOf(honest)
    const invented = openTrainingParty({ ...record, states: record.states.with(7, new Uint8Array(32)) })
    const told = await refereeTraining(honest.job, { a: claim, b: invented })
    assert.deepEqual(told, { losers: ['b'], why: 'state', step: 6 })
    const early = openTrainingParty({ ...record, states: record.states.with(0, new Uint8Array(32)) })
    assert.deepEqual(await refereeTraining(honest.job, { a: early, b: claim }), { losers: ['a'], why: 'start' })
  })

  it('holds for a model whose output is a matrix of its own', async () => {
    const untied = await train(false)
    const wrong = cheat(untied, changeWord('row 0 output.logits', 300), 2)
    const verdict = await refereeTraining(untied.job, {
      a: openTrainingParty(wrong.record),
      b: openTrainingParty(recordOf(untied)),
    })
    assert.deepEqual([verdict.losers, verdict.table, verdict.word], [['a'], 'row 0 output.logits', 300])
  })

  it('makes who does not answer, or not truly, the loser, and nobody where both agree', async () => {
    assert.deepEqual(await refereeTraining(honest.job, { a: claim, b: openTrainingParty(recordOf(honest)) }), {
      losers: [],
      why: 'agreed',
    } satisfies TrainingVerdict)
    const dishonest = openTrainingParty(cheat(honest, changeWord('row 0 layer 1 ffn.gated', 40)).record)
    const noise = new Uint8Array(32).fill(9)
    const falsely: Partial<TrainingParty>[] = [
      { runHashes: async () => undefined },
      { runHashes: async () => [noise] },
      { state: async () => ({ root: noise, path: [] }) },
      { traceRoot: async () => undefined },
      { traceHashes: async () => new Array(16).fill(noise) },
      { table: async () => undefined },
      { table: async () => ({ digests: noise, path: [] }) },
    ]
    for (const part of falsely) {
      const liar = { root: dishonest.root, party: { ...dishonest.party, ...part } }
      for (const [pair, loser] of [
        [{ a: liar, b: claim }, 'a'],
        [{ a: claim, b: liar }, 'b'],
      ] as const) {
        const { losers, why } = await refereeTraining(honest.job, pair)
        assert.deepEqual([losers, why], [[loser], 'withheld'])
      }
    }
    // What the honest one shows is enough: the other can keep back or falsify the inputs.
    const inputs: Partial<TrainingParty>[] = [
      { chunk: async () => undefined, piece: async () => undefined, pieces: async () => undefined },
      { chunk: async () => noise, piece: async () => noise, pieces: async () => noise },
    ]
    for (const part of inputs) {
      const liar = { root: dishonest.root, party: { ...dishonest.party, ...part } }
      const { losers, why } = await refereeTraining(honest.job, { a: liar, b: claim })
      assert.deepEqual([losers, why], [['a'], 'word'])
    }
  })

  it('makes both lose where both are wrong in the same words', async () => {
    const one = openTrainingParty(cheat(honest, changeWord('row 0 layer 0 ffn.gate', 3)).record)
    const two = cheat(honest, {
      alter(table, values) {
        if (table.name === 'row 0 layer 0 ffn.gate') values[3] = 7
      },
    })
    const { losers, table } = await refereeTraining(honest.job, { a: one, b: openTrainingParty(two.record) })
    assert.deepEqual([losers, table], [['a', 'b'], 'row 0 layer 0 ffn.gate'])
  })

  it('asks few questions: sixteen ways a time', async () => {
    const wrong = openTrainingParty(cheat(honest, changeWord('new m/output_norm.weight', 3)).record)
    const { claim: asked, count: questions } = counted(wrong)
    const verdict = await refereeTraining(honest.job, { a: asked, b: claim })
    assert.deepEqual(verdict.losers, ['a'])
    // 21 states: 2, and 1; the state before and its pieces: 2; trace: 1; 197 tables: 2, and 1; chunks of five inputs and one shown, with three openings.
    assert.ok(questions.questions <= 18, `${questions.questions} questions`)
  })

  it('begins with the weights of the file', async () => {
    const { graph } = honest.facts
    const file = makeModel(true)
    const state = await fullStart(graph, async (name) => {
      const tensor = graph.tensors.get(name)!
      return widenTensor(tensor, file.subarray(tensor.offset, tensor.offset + tensor.sizeBytes))
    })
    assert.equal(bytesToHex(rootOfPieces(honest.job.headAt(0), pieceDigests(state))), bytesToHex(honest.roots[0]!))
  })

  it('ends each step in the state that the engine commits to', () => {
    for (const step of [0, 1, wrongAt]) {
      const { after } = traceStep(honest.job.planAt(step), honest.states[step]!)
      const root = rootOfPieces(honest.job.headAt(step + 1), pieceDigests(after))
      assert.equal(bytesToHex(root), bytesToHex(honest.roots[step + 1]!))
    }
  })
})
