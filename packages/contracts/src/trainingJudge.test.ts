/** The judges of a training in the EVM against the rules of packages/dispute. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { fileTree, segmentBytes } from '@weightless/crypto'
import { proveSectors } from '@weightless/crypto/sectorRange'
import { modelFacts } from '@weightless/dispute/contract/modelFacts'
import { seeded } from '@weightless/dispute/referee/probeJob.cases'
import { batches, options, trainHonestly } from '@weightless/dispute/training/loraRun.cases'
import { chunkWords } from '@weightless/dispute/training/stepTable'
import { makeProbeModel } from '@weightless/tensor/selfCheck/makeProbeModel'
import { type Harness, openDeployed } from '../scripts/openHarness.ts'
import {
  floatBits,
  type JudgedStep,
  judgeOf,
  openUnit,
  type UnitArguments,
  unitArguments,
} from '../scripts/trainingCase.ts'

const step = 2
/** Words drawn of each table of the second row, and of every other table. */
const [often, rarely] = process.env.WEIGHTLESS_HEAVY === '1' ? [24, 8] : [2, 0]

describe('A word of a training judged by a contract', () => {
  let judges: { forwardJudge: Harness; backwardJudge: Harness }
  let of: JudgedStep
  let facts: ReturnType<typeof modelFacts>
  before(async () => {
    judges = {
      forwardJudge: await openDeployed('forwardJudge', 'trainingRules', 'attentionRules'),
      backwardJudge: await openDeployed('backwardJudge', 'trainingRules', 'momentRules'),
    }
    const { own, states, facts: job } = await trainHonestly()
    const file = makeProbeModel()
    const tree = fileTree(file)
    const segment = (i: number) => file.subarray(i * segmentBytes, (i + 1) * segmentBytes)
    facts = modelFacts(job.graph, file.length)
    of = {
      ...{ graph: job.graph, options, step, rows: batches[step]!, modelRoot: bytesToHex(tree.root) },
      ...{ plan: own.job.planAt(step), state: states[step]!, weights: own.weights },
      trace: await own.record.traceAt(step),
      prove: (from, count) => proveSectors(tree, segment, from, count),
    }
  })

  const compute = (table: number, { step, index, tables, pieces, files }: UnitArguments) =>
    judges[judgeOf(of, table)].call('compute', facts, step, index, tables, pieces, files)
  const wordOf = (table: number, word: number) => floatBits(of.trace.words(table)(word))

  it('is the rule’s, in every table, and what is planted is told from it', () => {
    const random = seeded('training judges')
    const units = of.plan.tables.flatMap(({ name, words }, table) => {
      const count = /^row 1 |^(norm|new) /.test(name) ? often : rarely
      return Array.from({ length: count }, () => ({ table, word: Math.floor(random() * words) }))
    })
    for (const { table, word } of units) {
      const { name } = of.plan.tables[table]!
      const right = wordOf(table, word)
      const honest = compute(table, unitArguments(of, openUnit(of, table, word)))
      assert.deepEqual(honest.ok && honest.value, [right, right], `${name} ${word} ${honest.ok || honest.error}`)
      const bit = 1 << Math.floor(random() * 23)
      const flip = (chunk: Uint8Array) => {
        const view = new DataView(chunk.buffer)
        const at = (word % chunkWords) * 4
        view.setUint32(at, view.getUint32(at, true) ^ bit, true)
        return chunk
      }
      const planted = compute(table, unitArguments(of, openUnit(of, table, word, flip)))
      assert.deepEqual(planted.ok && planted.value, [right, right ^ BigInt(bit)], name)
    }
  })

  it('holds a chunk of another length for wrong as it is, and reads none', () => {
    const table = of.plan.tables.findIndex(({ name }) => name === 'row 1 loss.logits')
    const last = of.plan.tables[table]!.words - 1
    const longer = (chunk: Uint8Array) => Uint8Array.of(...chunk, 0, 0, 0, 0)
    const shorter = (chunk: Uint8Array) => chunk.slice(0, -4)
    for (const word of [0, last]) {
      for (const planted of [longer, shorter]) {
        const said = compute(table, unitArguments(of, openUnit(of, table, word, planted)))
        assert.deepEqual(said.ok && said.value, [0n, 2n ** 256n - 1n], said.ok ? '' : said.error)
      }
    }
  })
})
