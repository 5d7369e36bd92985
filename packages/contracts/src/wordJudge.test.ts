/** WordJudge and OperatorPlans in the EVM against the judge and the plans of packages/dispute. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { buildHashTree, fileTree, hashLeaf, hashTreePath, hashTreeRoot, segmentBytes } from '@weightless/crypto'
import { proveSectors } from '@weightless/crypto/sectorRange'
import { judge, planOperator, planStep } from '@weightless/dispute'
import { fileArgument } from '@weightless/dispute/contract/accusationArguments'
import { modelFacts, packTensor } from '@weightless/dispute/contract/modelFacts'
import {
  evaluateChanged,
  type Fault,
  openProbe,
  type ProbeModel,
  type ProbeRun,
  runProbe,
  seeded,
} from '@weightless/dispute/referee/probeJob.cases'
import { unitWords } from '@weightless/dispute/working/computeWord'
import { chunkBytes, type Working, workingTree } from '@weightless/dispute/working/evaluateWorking'
import { type Rule, tableOf } from '@weightless/dispute/working/rules'
import { stepDigest } from '@weightless/tensor/trace/recordSteps'
import { bytesToHex, type Hex } from 'viem'
import { openingOf, packWords, readsOf } from '../scripts/judgeCase.ts'
import { type Harness, openDeployed } from '../scripts/openHarness.ts'

const rounds = process.env.WEIGHTLESS_HEAVY === '1' ? 40 : 1
const steps = 4
/** Names of solidity/dispute/judge/Model.sol's rules, in order. */
const rules =
  'source chain fold.sum fold.max fold.square foldDot foldWeights inverseRms norm quantise scale sum term join embed guess power angle turn rotate score exp gather mix add gate'.split(
    ' ',
  )

type Shown = {
  working: Working
  table: number
  index: number
  token: number
  openings: ReturnType<typeof openingOf>[]
  file: ReturnType<typeof fileArgument>
}

describe('A word judged by a contract', () => {
  let plans: Harness
  let harness: Harness
  let model: ProbeModel
  let honest: ProbeRun
  let modelRoot: Hex
  let prove: (from: number, count: number) => ReturnType<typeof proveSectors>
  before(async () => {
    ;[plans, harness] = [
      await openDeployed('operatorPlans'),
      await openDeployed('wordJudge', 'operatorPlans', 'rowChain'),
    ]
    model = await openProbe()
    const sampler = { temperature: 0, topP: 1, seed32: new Uint8Array(32) }
    honest = runProbe(model, { prompt: [5, 42, 79], steps, sampler })
    const tree = fileTree(model.bytes)
    const segment = (i: number) => model.bytes.subarray(i * segmentBytes, (i + 1) * segmentBytes)
    modelRoot = bytesToHex(tree.root)
    prove = (from, count) => proveSectors(tree, segment, from, count)
  })

  /** All operators that the contract lays out. */
  const operatorCount = () => 3 + 7 * model.graph.layerCount
  const workingOf = (operator: number, position: number, faults: readonly Fault[] = []) =>
    evaluateChanged(
      planStep(honest.job, operator, position, honest.tokens[position]!),
      honest.sources,
      model.file,
      faults,
    )

  function show(working: Working, table: number, index: number): Shown {
    const read = readsOf(
      working.plan,
      (of, from, count) => working.tables[of]!.subarray(from, from + count),
      model.file,
      table,
      index,
    )
    const tree = workingTree(working)
    return {
      working,
      table,
      index,
      token: honest.tokens[working.plan.position]!,
      openings: read.chunks.map((chunk) => openingOf(tree, chunk, chunkBytes(working, chunk))),
      file: fileArgument(read.file && prove(read.file.from, read.file.count)),
    }
  }

  function compute(
    { working, table, index, token, openings, file }: Shown,
    facts = modelFacts(model.graph, model.bytes.length),
  ) {
    const { operator, position } = working.plan
    const accused = {
      modelRoot,
      workingRoot: bytesToHex(hashTreeRoot(workingTree(working))),
      operator: BigInt(operator),
      position: BigInt(position),
      token: BigInt(token),
      table: BigInt(table),
      index: BigInt(index),
    }
    return harness.call('compute', facts, accused, openings, file)
  }

  /** What the judge in TypeScript finds, shown the same chunks. */
  function judged({ working, table, index, openings }: Shown) {
    const { position, operator } = working.plan
    const trace = buildHashTree(
      honest.operators.map((digests, t) => hashLeaf(stepDigest(t, honest.tokens[t]!, digests))),
    )
    const tree = workingTree(working)
    const step = {
      position,
      token: honest.tokens[position]!,
      operators: honest.operators[position]!,
      path: hashTreePath(trace, position),
    }
    const chunks = openings.map(({ chunk }) => ({
      chunk: Number(chunk),
      bytes: chunkBytes(working, Number(chunk)),
      path: hashTreePath(tree, Number(chunk)),
    }))
    const opening = { step, operator, chunks }
    return judge(
      honest.job,
      { kind: 'word', working: opening, table, index },
      { file: model.file, workingRoot: hashTreeRoot(tree) },
    )
  }

  function agree(shown: Shown, isWrong: boolean): void {
    const { plan, tables } = shown.working
    const { name, rule } = plan.tables[shown.table]!
    const label = `operator ${plan.operator} at ${plan.position}, ${name} ${rule.kind} ${shown.index}`
    const called = compute(shown)
    assert.ok(called.ok, `${label}: ${called.ok || called.error}`)
    const [expected, claimed] = called.value as [bigint, bigint]
    assert.equal(claimed, packWords(tables[shown.table]!.subarray(shown.index, shown.index + unitWords(rule))), label)
    assert.equal(expected !== claimed, isWrong, `${label}: ${expected.toString(16)}, claimed ${claimed.toString(16)}`)
    const finding = judged(shown)
    assert.equal(finding.guilty, isWrong, label)
    if (finding.guilty) {
      const words = finding.expected.matchAll(/0x([0-9a-f]{8})/g)
      assert.equal(packWords(Uint32Array.from([...words].map(([, hex]) => Number.parseInt(hex!, 16)))), expected, label)
    }
  }

  it('lays out the tables of every operator as packages/dispute does', () => {
    const graphs = [
      model.graph,
      { ...model.graph, width: 2048, hiddenWidth: 8192, headCount: 32, keyHeadCount: 8, headSize: 64, rotatedSize: 64 },
      { ...model.graph, width: 576, hiddenWidth: 1536, headCount: 9, keyHeadCount: 3, headSize: 64, rotatedSize: 32 },
    ]
    for (const graph of graphs) {
      graph.tensors = reshape(graph)
      for (const position of [0, 255, 256, 8191]) {
        for (let operator = 0; operator < operatorCount(); operator++) {
          const { tables } = planOperator(graph, operator, position, 7)
          const args = [modelFacts(graph, 2 ** 40), BigInt(operator), BigInt(position), 7n]
          const laid = plans.must('plan', ...args) as { rule: number; words: bigint; chunk: bigint; tensor: bigint }[]
          assert.deepEqual(
            laid.map(({ rule, words, chunk, tensor }) => [rules[rule], Number(words), Number(chunk), tensor]),
            tables.map(({ rule, words, chunk }) => {
              const tensor = 'matrix' in rule ? rule.matrix : 'weight' in rule ? rule.weight : undefined
              const read = tensor !== undefined || rule.kind === 'angle' ? packTensor(tensor) : 0n
              return [nameOf(rule), words, chunk, read]
            }),
            `operator ${operator} at ${position}`,
          )
        }
      }
    }
  })

  it('has the model and no more: other operators and tokens are refused', () => {
    const facts = modelFacts(model.graph, model.bytes.length)
    const refused = { ok: false, error: 'OperatorUnknown' }
    assert.deepEqual(plans.call('plan', facts, BigInt(operatorCount()), 0n, 0n), refused)
    assert.deepEqual(plans.call('plan', facts, 0n, 0n, facts.vocab), refused)
    assert.deepEqual(plans.call('plan', { ...facts, tensors: '0x' }, 0n, 0n, 0n), refused)
  })

  it('finds every honest word right and every planted one wrong, as the judge in TypeScript does', (t) => {
    const random = seeded('words of a contract')
    const kinds = new Set<string>()
    let units = 0
    for (let round = 0; round < rounds; round++) {
      for (let operator = 0; operator < operatorCount(); operator++) {
        // The head's operators are there only behind the prompt's last token.
        const position = steps - 1 - Math.floor(random() * 2)
        const right = workingOf(operator, position)
        for (const [table, { rule, words }] of right.plan.tables.entries()) {
          if (rule.kind === 'source') continue
          kinds.add(nameOf(rule))
          const word = Math.floor(random() * words)
          const index = word - (word % unitWords(rule))
          agree(show(right, table, index), false)
          const fault = { position, operator, table, word, flip: 2 ** Math.floor(random() * 31) }
          agree(show(workingOf(operator, position, [fault]), table, index), true)
          units++
        }
      }
    }
    assert.deepEqual([...kinds].sort(), rules.slice(1).sort())
    t.diagnostic(`${units} units`)
  })

  it('shows nothing by words that are not finite', () => {
    const [position, operator] = [3, 3]
    const right = workingOf(operator, position)
    const [top, e] = ['top', 'e'].map((name) => right.plan.tables.findIndex((table) => table.name === name))
    const flip = (right.tables[top!]![0]! ^ 0x7f800000) & 0x7fffffff
    const infinite = workingOf(operator, position, [
      { position, operator, table: top!, word: 0, flip },
      { position, operator, table: e!, word: 0, flip: 1 },
    ])
    agree(show(infinite, top!, 0), true)
    const shown = show(infinite, e!, 0)
    assert.deepEqual(compute(shown), { ok: false, error: 'NotFinite' })
    assert.equal(judged(shown).guilty, false)
  })

  it('takes only chunks and sectors of the working and the file', () => {
    const working = workingOf(3, 3)
    const table = working.plan.tables.findIndex(({ rule }) => rule.kind === 'score')
    const shown = show(working, table, 0)
    const refused = (error: string, change: Partial<Shown>) =>
      assert.deepEqual(compute({ ...shown, ...change }), { ok: false, error })
    const [first, ...rest] = shown.openings
    assert.ok(first && rest.length > 0)
    refused('ChunkMissing', { openings: rest })
    refused('ChunkProofWrong', { openings: [{ ...first, data: `${first.data.slice(0, -2)}77` as Hex }, ...rest] })
    refused('ChunkProofWrong', { openings: [{ ...first, chunk: first.chunk + 1n }, ...rest] })
    refused('PathWrong', { openings: [{ ...first, chunk: 1n << 200n }, ...rest] })
    refused('PathWrong', { openings: [{ ...first, path: first.path.slice(1) }, ...rest] })
    refused('PathWrong', { openings: [{ ...first, path: [...first.path, modelRoot] }, ...rest] })
    refused('TooManyChunks', { openings: Array.from({ length: 9 }, () => first) })
    refused('UnitUnknown', { table: 0 })
    refused('UnitUnknown', { table: 99 })
    refused('WordMissing', { index: 2 ** 40 })
    refused('UnitUnknown', { table: 1, index: 4 })
    const norm = workingOf(1, 3)
    const out = show(norm, norm.plan.tables.length - 2, 5)
    assert.ok(compute(out).ok)
    assert.deepEqual(compute({ ...out, file: fileArgument(undefined) }), { ok: false, error: 'SectorRangeWrong' })
    const other = fileArgument(prove(0, 4))
    assert.deepEqual(compute({ ...out, file: other }), { ok: false, error: 'SectorProofWrong' })
    assert.equal(tableOf(norm.plan, Number(out.openings[0]!.chunk)), out.table)
  })
})

function nameOf(rule: Rule): string {
  return rule.kind === 'fold' ? `fold.${rule.how}` : rule.kind
}

/** The model's tensors with the shapes of other dimensions: plans ask for shapes, encodings and offsets alone. */
function reshape({ tensors, width, hiddenWidth, headCount, keyHeadCount, headSize }: ProbeModel['graph']) {
  const rows: { [name: string]: number } = {
    attn_q: headCount * headSize,
    attn_k: keyHeadCount * headSize,
    attn_v: keyHeadCount * headSize,
    attn_output: width,
    ffn_gate: hiddenWidth,
    ffn_up: hiddenWidth,
    ffn_down: width,
  }
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const own = rows[name.split('.').at(-2)!]
      return [name, own === undefined ? tensor : { ...tensor, shape: [tensor.shape[0]!, own] }]
    }),
  )
}
