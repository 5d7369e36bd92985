import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { type AccusedTraining, accuseTraining, type TrainingDefender } from './accuseTraining.ts'
import { judgeTraining } from './judgeTraining.ts'
import { loraJob } from './loraJob.ts'
import { batches, type LoraCheat, type LoraRun, steps, trainFalsely, trainHonestly } from './loraRun.cases.ts'
import { planLoraStep } from './stepPlan.ts'
import type { StepTable } from './stepTable.ts'
import { traceStep } from './traceStep.ts'
import type { TrainingAccusation, TrainingRoots } from './trainingAccusation.ts'
import { openTrainingParty, type TrainingRecord } from './trainingParty.ts'
import { pieceDigests, rootOfPieces } from './trainingState.ts'

const wrongAt = 2

function defend(record: TrainingRecord): TrainingDefender {
  const { root, party } = openTrainingParty(record)
  return { ...party, runRoot: async () => root }
}

describe('a dispute over the training of an adapter', async () => {
  const honest = await trainHonestly()
  const { own, outline } = honest
  const final = own.record.states[steps]!
  const judge = (accusation: TrainingAccusation, roots: TrainingRoots, known = outline) =>
    judgeTraining(known, accusation, roots)

  /** Accuses with what the record commits to, and judges what comes of it. */
  async function dispute(record: TrainingRecord) {
    const accused = await accuseTraining(own, record.states.at(-1)!, defend(record))
    if (accused.found !== 'accusation') return { accused, finding: undefined }
    const known = { ...outline, final: record.states.at(-1)! }
    return { accused, known, finding: await judge(accused.accusation, accused.roots, known) }
  }

  it('has, for each step, tables that end in the state that the engine commits to', () => {
    for (let step = 0; step < steps; step++) {
      const { after } = traceStep(own.job.planAt(step), honest.states[step]!, { weights: own.weights })
      const root = rootOfPieces(own.job.headAt(step + 1), pieceDigests(after))
      assert.equal(bytesToHex(root), bytesToHex(own.record.states[step + 1]!))
    }
    assert.equal(bytesToHex(own.job.start), bytesToHex(own.record.states[0]!))
  })

  const change = (name: string, at: number): LoraCheat => ({
    alter(table: StepTable, values: Float32Array) {
      if (table.name === name) values[at] = values[at]! + 2 ** -9
    },
  })
  const changed = (options: Partial<LoraRun['facts']['options']>) => (job: LoraRun['facts']) =>
    loraJob({ ...job, options: { ...job.options, ...options } }).planAt(wrongAt)
  const rows = (list: (typeof batches)[number]) => (job: LoraRun['facts']) =>
    planLoraStep({ graph: job.graph, options: job.options, step: wrongAt, rows: list })
  const head = (change: (head: { [name: string]: unknown }) => void) => {
    return (bytes: Uint8Array) => {
      const value = JSON.parse(new TextDecoder().decode(bytes))
      change(value)
      return new TextEncoder().encode(JSON.stringify(value))
    }
  }

  const cheats: [string, LoraCheat, RegExp, string?][] = [
    ['skipped data', { plan: rows(batches[wrongAt + 1]!) }, /layer 0 x$/],
    ['reordered data', { plan: rows(batches[wrongAt]!.toReversed()) }, /layer 0 x$/],
    [
      'rows that the head owns up to',
      {
        head: head((value) => {
          value.dataDigest = `0x${'1'.repeat(64)}`
        }),
      },
      /^dataDigest$/,
      'head',
    ],
    [
      'a wrong cursor',
      {
        head: head((value) => {
          value.rowsSeen = 3
        }),
      },
      /^rowsSeen$/,
      'head',
    ],
    [
      'a wrong random counter',
      {
        head: head((value) => {
          value.seed = `0x${'00'.repeat(32)}`
        }),
      },
      /^seed$/,
      'head',
    ],
    ['a wrong learning rate', { plan: changed({ learningRate: 1e-4 }) }, /^new p\/adapter$/],
    ['no clipping', { plan: changed({ clipNorm: 0 }) }, /^new m\/adapter$/],
    ['another scale', { plan: changed({ alpha: 8 }) }, /attention.products$|residual$|x$|ffn/],
    ['a wrong moment', change('new v/adapter', 700), /^new v\/adapter$/],
    ['a flipped weight of the adapter', change('new p/adapter', 300), /^new p\/adapter$/],
    [
      'a weight flipped behind the trace',
      {
        state: ({ p }) => {
          p[5] = -p[5]!
        },
      },
      /^state after the step$/,
      'state',
    ],
    ['a wrong A·x', change('row 1 layer 1 down.low', 33), /^row 1 layer 1 down.low$/],
    ['a wrong (dy·B)', change('row 0 layer 0 d.v.low', 9), /^row 0 layer 0 d.v.low$/],
    ['a wrong gradient of A', change('row 1 gradient layer 1 q.A', 40), /^row 1 gradient layer 1 q.A$/],
    ['a wrong gradient of B', change('row 0 gradient layer 0 gate.B', 12), /^row 0 gradient layer 0 gate.B$/],
    ['a wrong gradient of logits', change('row 0 loss.logits', 261), /^row 0 loss.logits$/],
    ['a wrong norm', change('norm 0', 1), /^norm 0$/],
  ]
  for (const [what, how, table, kind = 'word'] of cheats) {
    it(`finds ${what}, and anybody judges it again`, async () => {
      const { accused, finding } = await dispute(trainFalsely(honest, how, wrongAt))
      assert.equal(accused.found, 'accusation')
      assert.ok(finding?.guilty, JSON.stringify(finding))
      assert.deepEqual([finding.kind, finding.step], [kind, wrongAt])
      assert.match(finding.what, table)
      assert.notEqual(finding.expected, finding.claimed)
    })
  }

  it('finds a false start, a receipt of another state, and an adapter of other values', async () => {
    const start = { ...own.record, states: own.record.states.with(0, new Uint8Array(32)) }
    assert.equal((await dispute(start)).finding?.guilty && 'start', 'start')
    const accused = await accuseTraining(own, new Uint8Array(32), defend(own.record))
    assert.ok(accused.found === 'accusation' && accused.accusation.kind === 'end')
    const end = await judge(accused.accusation, accused.roots, { ...outline, final: new Uint8Array(32) })
    assert.ok(end.guilty)
    const { p } = honest.states[steps]!
    const values = new Uint8Array(p.slice().buffer)
    const adapter = {
      kind: 'adapter',
      head: own.job.headAt(steps),
      digests: pieceDigests(honest.states[steps]!),
      values,
    } as const
    assert.equal((await judge(adapter, {})).guilty, false)
    assert.ok((await judge(adapter, {}, { ...outline, deliveredRoot: `0x${'00'.repeat(32)}` })).guilty)
    const forged = values.with(9, values[9]! ^ 1)
    assert.equal((await judge({ ...adapter, values: forged }, {}, { ...outline, deliveredRoot: '0x' })).guilty, false)
  })

  it('agrees with an honest trainer, and no accusation against one holds', async () => {
    assert.deepEqual(await accuseTraining(own, final, defend(own.record)), { found: 'nothing' })
    // Whoever accuses trained wrongly itself: every accusation that it can make is refused.
    for (const how of [cheats[0]![1], cheats[5]![1], cheats[9]![1], cheats[14]![1]]) {
      const liar = { ...own, record: trainFalsely(honest, how, wrongAt) }
      const accused = await accuseTraining(liar, final, defend(own.record))
      assert.equal(accused.found, 'accusation')
      if (accused.found !== 'accusation') continue
      const finding = await judge(accused.accusation, accused.roots)
      assert.equal(finding.guilty, false, JSON.stringify(finding))
    }
  })

  it('takes silence, and answers that do not hash to what was committed to, for silence', async () => {
    const wrong = defend(trainFalsely(honest, change('row 0 layer 1 ffn.gated', 4), wrongAt))
    const noise = new Uint8Array(32).fill(7)
    const parts: Partial<TrainingDefender>[] = [
      { runRoot: async () => undefined },
      { runHashes: async () => [noise] },
      { state: async () => ({ root: noise, path: [] }) },
      { opening: async () => ({ head: noise, top: noise }) },
      { traceRoot: async () => undefined },
      { traceHashes: async () => new Array(16).fill(noise) },
      { table: async () => ({ digests: noise, path: [] }) },
      { chunk: async () => noise },
    ]
    for (const part of parts) {
      const accused = await accuseTraining(own, noise, { ...wrong, ...part })
      assert.equal(accused.found, 'silence', Object.keys(part)[0])
    }
  })

  it('refuses an accusation of which any part is forged or left out', async () => {
    const { accused, known } = await dispute(trainFalsely(honest, change('row 0 layer 1 down.low', 33), wrongAt))
    const { accusation, roots } = accused as Extract<AccusedTraining, { found: 'accusation' }>
    assert.ok(accusation.kind === 'word')
    const noise = new Uint8Array(32).fill(7)
    const rest = { word: accusation.word + 1 }
    const first = accusation.chunks[0]!
    const forged: Partial<typeof accusation>[] = [
      { before: { ...accusation.before, root: noise } },
      { before: { ...accusation.before, head: noise } },
      {
        before: { ...accusation.before, digests: accusation.before.digests.with(0, accusation.before.digests[0]! ^ 1) },
      },
      { after: { ...accusation.after, top: noise } },
      { after: { ...accusation.after, path: [] } },
      { rows: accusation.rows.toReversed() },
      { table: accusation.table - 1 },
      { table: 1e6 },
      { step: wrongAt - 1 },
      { tables: accusation.tables.slice(1) },
      { chunks: accusation.chunks.slice(0, 1) },
      { chunks: [] },
      { chunks: [{ ...first, bytes: first.bytes.with(0, first.bytes[0]! ^ 1) }, ...accusation.chunks.slice(1)] },
      { pieces: [] },
      { pieces: accusation.pieces.map((piece) => ({ ...piece, bytes: piece.bytes.with(1, piece.bytes[1]! ^ 1) })) },
      rest,
    ]
    for (const part of forged) {
      const finding = await judge({ ...accusation, ...part }, roots, known)
      assert.equal(finding.guilty, false, Object.keys(part)[0])
    }
    for (const part of [
      {},
      { run: roots.run },
      { ...roots, run: noise },
      { ...roots, trace: { step: wrongAt, root: noise } },
    ]) {
      assert.equal((await judge(accusation, part, known)).guilty, false)
    }
  })
})
