import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildHashTree, hashLeaf, hashTreePath, hashTreeRoot } from '@weightless/crypto'
import { stepDigest } from '@weightless/tensor/trace/recordSteps'
import { unitWords } from '../working/computeWord.ts'
import { chunkBytes, evaluateWorking, type Working, workingTree } from '../working/evaluateWorking.ts'
import type { Adjust, Rule } from '../working/rules.ts'
import type { OpenedChunk } from './accusation.ts'
import { accuse } from './accuse.ts'
import { createDefender, type Defender } from './defender.ts'
import { judge, planStep } from './judge.ts'
import {
  evaluateChanged,
  openProbe,
  type ProbeModel,
  type ProbeRun,
  type RunOptions,
  runProbe,
  seeded,
  traceRootOf,
} from './probeJob.cases.ts'
import { borderlineChoices, makeSampleCase } from './sampleCase.cases.ts'

const options: RunOptions = {
  prompt: [5, 42, 79],
  steps: 5,
  sampler: { temperature: 0.8, topP: 1, seed32: Uint8Array.from({ length: 32 }, (_, i) => i + 3) },
}

describe('a dispute', () => {
  let model: ProbeModel
  let honest: ProbeRun
  before(async () => {
    model = await openProbe()
    honest = runProbe(model, options)
  })

  /** Accuses of the first unit of a table, with all chunks of the working opened. */
  function showAll(working: Working) {
    const { plan } = working
    const tree = workingTree(working)
    const chunks = Array.from({ length: plan.chunks }, (_, chunk): OpenedChunk => {
      return { chunk, bytes: chunkBytes(working, chunk), path: hashTreePath(tree, chunk) }
    })
    const trace = buildHashTree(
      honest.operators.map((digests, t) => hashLeaf(stepDigest(t, honest.tokens[t]!, digests))),
    )
    const { position, operator } = plan
    const operators = honest.operators[position]!
    const step = { position, token: honest.tokens[position]!, operators, path: hashTreePath(trace, position) }
    const evidence = { file: model.file, workingRoot: hashTreeRoot(tree) }
    const accusing = (table: number) =>
      judge(honest.job, { kind: 'word', working: { step, operator, chunks }, table, index: 0 }, evidence)
    return { accusing }
  }

  test('a word that names a run behind the end of its table is wrong, and what is read by it shows nothing', () => {
    const [position, operator] = [2, 3 + 7 * model.graph.layerCount]
    const plan = planStep(honest.job, operator, position, honest.tokens[position]!)
    const [first, second] = plan.tables.flatMap(({ name }, table) => (name === 'walk' ? [table] : []))
    const fault = { position, operator, table: first!, word: 0, flip: 128 }
    const { accusing } = showAll(evaluateChanged(plan, honest.sources, model.file, [fault]))
    assert.equal(accusing(first!).guilty, true)
    const read = accusing(second!)
    assert.ok(!read.guilty && read.reason.includes('has no words'), JSON.stringify(read))
  })

  test('a word that is not finite is wrong, and nothing is shown by what reads it', () => {
    const [position, operator] = [2, 3]
    const plan = planStep(honest.job, operator, position, honest.tokens[position]!)
    const [top, e] = ['top', 'e'].map((name) => plan.tables.findIndex((table) => table.name === name)) as [
      number,
      number,
    ]
    const right = evaluateWorking(plan, honest.sources, model.file).tables[top]![0]!
    const place = { position, operator, word: 0 }
    const working = evaluateChanged(plan, honest.sources, model.file, [
      { ...place, table: top, flip: (right ^ 0x7f800000) & 0x7fffffff },
      { ...place, table: e, flip: 1 },
    ])
    assert.equal(working.tables[top]![0]! & 0x7fffffff, 0x7f800000)
    const { accusing } = showAll(working)
    assert.equal(accusing(top).guilty, true)
    const read = accusing(e)
    assert.ok(!read.guilty && read.reason.includes('not finite'), JSON.stringify(read))
  })

  /** Samplers of others than the receipt's, and the table in which each is shown. */
  type Sampler = { topP: number; adjust?: Adjust; what: string; asIf: (rule: Rule) => Rule }
  const adjust: Adjust = { presence: 0.5, frequency: 0.25, bias: [[7, 3]] }
  const samplers: { [name: string]: Sampler } = {
    'another temperature': {
      topP: 1,
      what: 'w',
      asIf: (rule) => (rule.kind === 'weight' ? { ...rule, temperature: Math.fround(0.81) } : rule),
    },
    'another counter': {
      topP: 1,
      what: 'draw',
      asIf: (rule) => (rule.kind === 'draw' ? { ...rule, index: rule.index + 1 } : rule),
    },
    'a seed of its own': {
      topP: 0.9,
      what: 'draw',
      asIf: (rule) => (rule.kind === 'draw' ? { ...rule, seed32: new Uint8Array(32) } : rule),
    },
    'another share': {
      topP: 0.9,
      what: 'cut',
      asIf: (rule) => ('topP' in rule ? { ...rule, topP: 0.6 } : rule),
    },
    'another penalty': {
      topP: 1,
      adjust,
      what: 'b',
      asIf: (rule) => (rule.kind === 'adjusted' ? { ...rule, adjust: { ...adjust, frequency: 0.5 } } : rule),
    },
    'another bias': {
      topP: 0.9,
      adjust,
      what: 'b',
      asIf: (rule) => (rule.kind === 'adjusted' ? { ...rule, adjust: { ...adjust, bias: [[7, 2]] } } : rule),
    },
    'no share at all': {
      topP: 0.5,
      what: 'cut',
      asIf: (rule) => ('topP' in rule ? { ...rule, topP: 1 } : rule),
    },
  }
  for (const [name, { topP, adjust, what, asIf }] of Object.entries(samplers)) {
    test(`${name} than the receipt says is found in ${what}`, async () => {
      const sampled = { ...options, sampler: { ...options.sampler, topP, adjust } }
      const right = runProbe(model, { ...sampled, before: honest })
      const cheat = runProbe(model, { ...sampled, asIf, before: honest })
      const own = runProbe(model, { ...sampled, forced: cheat.tokens, before: right })
      const accused = await accuse(cheat.job, own.execution, createDefender(cheat.defence))
      assert.equal(accused.found, 'accusation')
      if (accused.found !== 'accusation') return
      const finding = judge(cheat.job, accused.accusation, { file: model.file, workingRoot: accused.workingRoot })
      assert.ok(finding.guilty, JSON.stringify(finding))
      assert.deepEqual([finding.operator, finding.what], ['sample', what])
    })
  }

  test('a choice that was told of other tokens than the answer has is bound to the steps of those that it has', async () => {
    const sampled = { ...options, sampler: { ...options.sampler, adjust } }
    const right = runProbe(model, { ...sampled, before: honest })
    const [position, operator] = [4, 3 + 7 * model.graph.layerCount]
    const { tables } = planStep(right.job, operator, position, right.tokens[position]!)
    const said = tables.findIndex(({ name }) => name === 'said')
    const fault = { position, operator, table: said, word: 1, flip: 1 }
    const cheat = runProbe(model, { ...sampled, faults: [fault], before: right })
    const own = runProbe(model, { ...sampled, forced: cheat.tokens, before: right })
    const accused = await accuse(cheat.job, own.execution, createDefender(cheat.defence))
    assert.ok(accused.found === 'accusation' && accused.accusation.kind === 'bound')
    const evidence = { file: model.file, workingRoot: accused.workingRoot }
    const finding = judge(cheat.job, accused.accusation, evidence)
    const token = cheat.tokens[4]!
    assert.ok(finding.guilty, JSON.stringify(finding))
    assert.deepEqual([finding.what, finding.element, finding.expected], ['said', 1, `${token}`])
    assert.equal(finding.claimed, `${token ^ 1}`)
    // Of another step, or about a word that is right, nothing is shown.
    const other = { ...accused.accusation, bound: accused.accusation.working.step }
    assert.equal(judge(cheat.job, { ...other, row: 0 }, evidence).guilty, false)
    const first = (await createDefender(cheat.defence).step(3))!
    const right0 = judge(cheat.job, { ...other, row: 0, bound: first }, evidence)
    assert.ok(!right0.guilty && right0.reason === 'the token is the one of its step', JSON.stringify(right0))
  })

  test('of a choice with a share every word that is right is found right, every other wrong', () => {
    const random = seeded('words of a choice')
    for (const { name, logits, draw } of borderlineChoices()) {
      const choice = makeSampleCase(model.graph, logits, { ...draw, seed32: options.sampler.seed32, index: 1 })
      for (const [table, { rule, words, name: of }] of choice.plan.tables.entries()) {
        if (rule.kind === 'source' || random() < (process.env.WEIGHTLESS_HEAVY === '1' ? 0.5 : 0.95)) continue
        const word = Math.floor(random() * words)
        const index = word - (word % unitWords(rule))
        const label = `${name}: ${of} ${word}`
        assert.equal(choice.judge(choice.working, table, index).guilty, false, label)
        const tables = choice.working.tables.map((each) => each.slice())
        tables[table]![word]! ^= 1 << Math.floor(random() * 32)
        assert.equal(choice.judge({ ...choice.working, tables }, table, index).guilty, true, label)
      }
    }
  })

  test('a token that was not chosen, and one that was', async () => {
    const forced = [...honest.tokens]
    forced[4] = (forced[4]! + 1) % model.graph.vocabSize
    const cheat = runProbe(model, { ...options, forced })
    const own = runProbe(model, { ...options, forced: honest.tokens, before: honest })
    const accused = await accuse(cheat.job, own.execution, createDefender(cheat.defence))
    assert.ok(accused.found === 'accusation' && accused.accusation.kind === 'token')
    const finding = judge(cheat.job, accused.accusation, { file: model.file, workingRoot: accused.workingRoot })
    assert.ok(finding.guilty && finding.expected === String(honest.tokens[4]) && finding.claimed === String(forced[4]))
    // Who executes with the tokens that are claimed has the same trace, and still sees it.
    const same = runProbe(model, { ...options, forced, before: honest })
    assert.deepEqual(await accuse(cheat.job, same.execution, createDefender(cheat.defence)), accused)
  })

  test('who does not answer, or not with what it gave, is told from who is wrong', async () => {
    const fault = { position: 3, operator: 6, table: 2, word: 1, flip: 1 }
    const cheat = runProbe(model, { ...options, faults: [fault], before: honest })
    const own = runProbe(model, { ...options, forced: cheat.tokens, before: honest })
    const answering = createDefender(cheat.defence)
    const truthful = createDefender(own.defence)
    const silences: { [asked: string]: Partial<Defender> } = {
      'the trace': { traceHashes: async () => undefined },
      'step 3': { step: truthful.step },
      'the working of operator 6 at 3': { workingRoot: async () => undefined },
      'the tree of the working': { hashes: truthful.hashes },
      'chunk 2': { chunk: truthful.chunk },
    }
    for (const [asked, change] of Object.entries(silences)) {
      const accused = await accuse(cheat.job, own.execution, { ...answering, ...change })
      assert.deepEqual(accused, { found: 'silence', asked })
    }
  })

  test('a step with fewer operators than the model has', async () => {
    const operators = honest.operators.map((digests, t) =>
      t === 2 ? digests.subarray(0, digests.length - 32) : digests,
    )
    const job = { ...honest.job, traceRoot: traceRootOf(honest.tokens, operators) }
    const accused = await accuse(job, honest.execution, createDefender({ ...honest.defence, job, operators }))
    assert.ok(accused.found === 'accusation' && accused.accusation.kind === 'count')
    assert.equal(judge(job, accused.accusation, { file: model.file, workingRoot: undefined }).guilty, true)
    const step = { ...accused.accusation.step, operators: honest.operators[2]! }
    assert.equal(judge(honest.job, { kind: 'count', step }, { file: model.file, workingRoot: undefined }).guilty, false)
  })

  test('what no judge can look into is said to be so', async () => {
    const prompt = runProbe(model, { ...options, prompt: [5, 43, 79] })
    const other = await accuse(prompt.job, honest.execution, createDefender(prompt.defence))
    assert.deepEqual(other, { found: 'unshown', reason: 'prompt token 1 is another' })
  })
})
