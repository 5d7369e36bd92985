/** SampleJudge and the plans of `sample` in the EVM against the judge and the plans of packages/dispute. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { hashTreeRoot } from '@weightless/crypto'
import { planOperator } from '@weightless/dispute'
import { openProbe, seeded } from '@weightless/dispute/referee/probeJob.cases'
import { borderlineChoices, makeSampleCase, type SampleCase } from '@weightless/dispute/referee/sampleCase.cases'
import { unitWords } from '@weightless/dispute/working/computeWord'
import { chunkBytes, type Working, workingTree } from '@weightless/dispute/working/evaluateWorking'
import type { Draw, Rule } from '@weightless/dispute/working/rules'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { bytesToHex, type Hex } from 'viem'
import { drawArgument, openingOf, packWords, readsOf } from '../scripts/judgeCase.ts'
import { type Harness, openDeployed } from '../scripts/openHarness.ts'

/** How many of the units of a case are judged. */
const share = process.env.WEIGHTLESS_HEAVY === '1' ? 1 : 0.06
const seed32 = Uint8Array.from({ length: 32 }, (_, i) => (i * 37 + 5) & 0xff)
/** Names of solidity/dispute/judge/Model.sol's rules that `sample` has, by their number there. */
const rules = new Map([
  [0, 'source'],
  [1, 'chain'],
  [3, 'fold'],
  [26, 'best'],
  [27, 'draw'],
  [28, 'weight'],
  [29, 'weightSum'],
  [30, 'cut'],
  [31, 'kept'],
  [32, 'tie'],
  [33, 'keep'],
  [34, 'walk'],
  [35, 'record'],
  [36, 'times'],
  [37, 'adjusted'],
] as const)

const adjust = {
  presence: 0.5,
  frequency: -0.25,
  bias: [
    [1, 2.5],
    [3, -100],
  ] as const,
}
/** Tokens of an answer, of which some come again; the same twice as often as there are in a run. */
const said = Array.from({ length: 300 }, (_, i) => (i * i) % 11)

describe('A choice judged by a contract', () => {
  let plans: Harness
  let harness: Harness
  let graph: Graph
  before(async () => {
    ;[plans, harness] = [
      await openDeployed('operatorPlans'),
      await openDeployed('sampleJudge', 'operatorPlans', 'rowChain'),
    ]
    graph = (await openProbe()).graph
  })

  function layout(vocab: number, draw: Draw) {
    const args = [BigInt(vocab), BigInt(2 + 7 * graph.layerCount), 5n, drawArgument(draw)]
    const laid = plans.must('planSample', ...args) as { rule: number; words: bigint; chunk: bigint }[]
    return laid.map(({ rule, words, chunk }) => [rules.get(rule as never), Number(words), Number(chunk)])
  }

  it('lays out the tables as packages/dispute does', () => {
    for (const vocab of [1, 2, 256, 257, 65_536, 65_537, 128_256, 262_144]) {
      for (const draw of [
        { temperature: 0, topP: 0.5 },
        { temperature: 1e-60, topP: 1 },
        { temperature: 0.7, topP: 1 },
        { temperature: 2, topP: 0.9 },
        { temperature: 0.7, topP: 1, adjust },
        { temperature: 0, topP: 1, adjust: { presence: 0, frequency: 0, bias: [[5, 1]] as const } },
        // Nothing is left of it in f32.
        { temperature: 0.7, topP: 1, adjust: { presence: 1e-60, frequency: -1e-60, bias: [] } },
      ]) {
        const all = { ...draw, seed32, index: 3 }
        const { tables } = planOf(graph, vocab, all)
        const own = tables.map(({ rule, words, chunk }) => [rule.kind, words, chunk])
        assert.deepEqual(layout(vocab, all), own, `${vocab} ${JSON.stringify(draw)}`)
      }
    }
  })

  /** Every choice of which a test is made: those at a border, and such as change logits. */
  function choices() {
    const plain = borderlineChoices().map(({ name, logits, draw }) => {
      const all: Draw = { ...draw, seed32, index: 2 }
      return { name, draw: all, choice: makeSampleCase(graph, logits, all) }
    })
    const logits = Float32Array.from({ length: 270 }, (_, i) => Math.round(Math.sin(i) * 8) / 2)
    const adjusted = [0, 2, said.length].map((index) => {
      const all: Draw = { temperature: 0.8, topP: 0.9, seed32, index, adjust }
      return { name: `adjusted at ${index}`, draw: all, choice: makeSampleCase(graph, logits, all, said) }
    })
    return [...plain, ...adjusted]
  }

  function compute({ plan }: SampleCase, shown: Working, draw: Draw, table: number, index: number) {
    const read = readsOf(
      plan,
      (of, from, count) => wordsAt(shown, of, from, count),
      () => new Uint8Array(),
      table,
      index,
    )
    const tree = workingTree(shown)
    const accused = {
      modelRoot: `0x${'00'.repeat(32)}` as Hex,
      workingRoot: bytesToHex(hashTreeRoot(tree)),
      operator: BigInt(plan.operator),
      position: BigInt(plan.position),
      token: 0n,
      table: BigInt(table),
      index: BigInt(index),
    }
    const openings = read.chunks
      .filter((chunk) => chunk < plan.chunks)
      .map((chunk) => openingOf(tree, chunk, chunkBytes(shown, chunk)))
    const vocab = BigInt(plan.tables[0]!.words)
    return { called: harness.call('compute', vocab, drawArgument(draw, index), accused, openings), read }
  }

  function judgedAlike(choice: SampleCase, shown: Working, draw: Draw, table: number, index: number, label: string) {
    const { called } = compute(choice, shown, draw, table, index)
    const finding = choice.judge(shown, table, index)
    if (!called.ok) {
      assert.ok(['NotFinite', 'WordMissing'].includes(called.error), `${label}: ${called.error}`)
      assert.ok(!finding.guilty && /finite|has no words/.test(finding.reason), `${label}: ${JSON.stringify(finding)}`)
      return undefined
    }
    const [expected, claimed] = called.value as [bigint, bigint]
    assert.equal(expected !== claimed, finding.guilty, `${label}: ${expected.toString(16)} ${claimed.toString(16)}`)
    if (finding.guilty) {
      const words = [...finding.expected.matchAll(/0x([0-9a-f]{8})/g)].map(([, hex]) => Number.parseInt(hex!, 16))
      assert.equal(packWords(Uint32Array.from(words)), expected, label)
    }
    return finding.guilty
  }

  it('finds honest words right and planted ones wrong, where a choice could go either way', (t) => {
    const random = seeded('choices of a contract')
    const kinds = new Set<string>()
    let units = 0
    for (const { name, draw: all, choice } of choices()) {
      for (const [table, { rule, words, name: of }] of choice.plan.tables.entries()) {
        // Of the rules that repeat for each bit some; of the others all.
        const isRepeated = rule.kind === 'weightSum' || rule.kind === 'cut'
        if (rule.kind === 'source' || random() > (isRepeated ? share : 1)) continue
        const word = Math.floor(random() * words)
        const index = word - (word % unitWords(rule))
        const label = `${name}: ${of} ${word}`
        kinds.add(rule.kind)
        assert.equal(judgedAlike(choice, choice.working, all, table, index, label), false, label)
        const flipped = flip(choice.working, table, word, random)
        assert.equal(judgedAlike(choice, flipped, all, table, index, label), true, label)
        units++
      }
    }
    assert.deepEqual([...kinds].sort(), [...rules.values()].slice(1).sort())
    t.diagnostic(`${units} units`)
  })

  it('judges alike what is made from words that are wrong themselves', () => {
    const random = seeded('wrong words below')
    for (const { name, draw: all, choice } of choices()) {
      for (const [table, { rule, words, name: of }] of choice.plan.tables.entries()) {
        if (rule.kind === 'source' || rule.kind === 'chain' || random() > 4 * share) continue
        const index = Math.floor((random() * words) / unitWords(rule)) * unitWords(rule)
        for (const below of readBy(rule)) {
          const word = Math.floor(random() * choice.plan.tables[below]!.words)
          const shown = flip(choice.working, below, word, random)
          const label = `${name}: ${of} ${index} with ${choice.plan.tables[below]!.name} ${word}`
          judgedAlike(choice, shown, all, table, index, label)
        }
      }
    }
  })

  it('takes the draw from the seed and the number of the token', () => {
    const logits = Float32Array.from({ length: 300 }, (_, i) => Math.sin(i) * 4)
    const all = { temperature: 0.8, topP: 0.9, seed32, index: 2 }
    const choice = makeSampleCase(graph, logits, all)
    const table = choice.plan.tables.findIndex(({ rule }) => rule.kind === 'draw')
    const other = Uint8Array.from(seed32, (byte, i) => (i === 31 ? byte ^ 1 : byte))
    for (const changed of [
      { ...all, index: 3 },
      { ...all, seed32: other },
    ]) {
      const { called } = compute(choice, choice.working, changed, table, 0)
      assert.ok(called.ok)
      const [expected, claimed] = called.value as [bigint, bigint]
      assert.notEqual(expected, claimed)
    }
  })

  it('takes only units that there are', () => {
    const choice = makeSampleCase(graph, Float32Array.of(1, 2, 3), { temperature: 1, topP: 1, seed32, index: 1 })
    const draw = { temperature: 1, topP: 1, seed32, index: 1 }
    const last = choice.plan.tables.length - 2
    const refused = (error: string, table: number, index: number) => {
      const accused = {
        modelRoot: `0x${'00'.repeat(32)}`,
        workingRoot: bytesToHex(hashTreeRoot(workingTree(choice.working))),
        operator: BigInt(choice.plan.operator),
        position: 1n,
        token: 0n,
        table: BigInt(table),
        index: BigInt(index),
      }
      assert.deepEqual(harness.call('compute', 3n, drawArgument(draw), accused, []), { ok: false, error })
    }
    refused('UnitUnknown', 0, 0)
    refused('UnitUnknown', 99, 0)
    refused('UnitUnknown', last, 3)
    refused('ChunkMissing', last, 0)
    refused('WordMissing', last, 6)
  })
})

function planOf(graph: Graph, vocab: number, draw: Draw) {
  return planOperator({ ...graph, vocabSize: vocab }, 3 + 7 * graph.layerCount, 5, 0, draw)
}

/** Words of a table that may end before. */
function wordsAt(shown: Working, table: number, from: number, count: number): Uint32Array {
  return shown.tables[table]!.slice(from, from + count)
}

function flip(working: Working, table: number, word: number, random: () => number): Working {
  const tables = working.tables.map((each) => each.slice())
  tables[table]![word]! ^= 1 << Math.floor(random() * 32)
  return { ...working, tables }
}

/** Tables that a rule reads. */
function readBy(rule: Rule): number[] {
  const named = Object.entries(rule).flatMap(([name, value]) => {
    if (name === 'least') return value?.cut === undefined ? [] : [value.cut as number]
    if (name === 'drawn') return value === undefined ? [] : [value.total, value.draw, value.kept]
    const isTable = [
      'of',
      'top',
      'best',
      'logits',
      'reached',
      'all',
      'equal',
      'above',
      'cut',
      'over',
      'tie',
      'total',
      'draw',
      'token',
    ]
    return isTable.includes(name) && typeof value === 'number' ? [value] : []
  })
  return [...new Set(named)]
}
