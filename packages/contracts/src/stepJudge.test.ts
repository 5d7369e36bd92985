/** StepJudge in the EVM against the judge of packages/dispute: accusations that need no rule. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { buildHashTree, hashLeaf, hashTreePath, hashTreeRoot } from '@weightless/crypto'
import { type Accusation, type JobCommitment, judge, planStep, type StepOpening } from '@weightless/dispute'
import { stepArgument } from '@weightless/dispute/contract/accusationArguments'
import { modelFacts } from '@weightless/dispute/contract/modelFacts'
import { wordBytes } from '@weightless/dispute/numbers/words'
import {
  openProbe,
  type ProbeModel,
  type ProbeRun,
  runProbe,
  traceRootOf,
} from '@weightless/dispute/referee/probeJob.cases'
import { chunkBytes, evaluateWorking, workingTree } from '@weightless/dispute/working/evaluateWorking'
import { statesOf } from '@weightless/dispute/working/rules'
import { stepDigest } from '@weightless/tensor/trace/recordSteps'
import { bytesToHex } from 'viem'
import { drawArgument, openingOf } from '../scripts/judgeCase.ts'
import { type Harness, openDeployed } from '../scripts/openHarness.ts'

describe('A step judged by a contract', () => {
  let harness: Harness
  let model: ProbeModel
  let honest: ProbeRun
  before(async () => {
    harness = await openDeployed('stepJudge', 'operatorPlans')
    model = await openProbe()
    const sampler = { temperature: 0, topP: 1, seed32: new Uint8Array(32) }
    honest = runProbe(model, { prompt: [5, 42, 79], steps: 5, sampler })
  })

  const facts = () => modelFacts(model.graph, model.bytes.length)
  const sample = () => 3 + 7 * model.graph.layerCount
  const traceOf = (job: JobCommitment) => ({
    root: bytesToHex(job.traceRoot),
    steps: BigInt(job.steps),
    promptTokens: BigInt(job.promptTokens),
  })
  /** A job with other tokens or digests, and openings of its steps. */
  function commit(tokens: readonly number[], operators: readonly Uint8Array[]) {
    const job = { ...honest.job, traceRoot: traceRootOf(tokens, operators) }
    const tree = buildHashTree(operators.map((digests, t) => hashLeaf(stepDigest(t, tokens[t]!, digests))))
    const step = (position: number): StepOpening => ({
      position,
      token: tokens[position]!,
      operators: operators[position]!,
      path: hashTreePath(tree, position),
    })
    return { job, step }
  }
  const shown = stepArgument
  const guilty = (job: JobCommitment, accusation: Accusation, workingRoot?: Uint8Array) =>
    judge(job, accusation, { file: model.file, workingRoot }).guilty

  it('counts operators', () => {
    for (const cut of [0, 32, 96]) {
      for (const position of [0, 2, 4]) {
        const operators = honest.operators.map((all, t) => (t === position ? all.subarray(0, all.length - cut) : all))
        const { job, step } = commit(honest.tokens, operators)
        const [expected, claimed] = harness.must('count', facts(), traceOf(job), shown(step(position))) as bigint[]
        assert.equal(Number(expected), honest.operators[position]!.length / 32)
        assert.equal(Number(claimed), operators[position]!.length / 32)
        assert.equal(guilty(job, { kind: 'count', step: step(position) }), expected !== claimed)
      }
    }
  })

  it('finds a token that was not chosen, and one that was', () => {
    for (const change of [0, 1]) {
      const tokens = honest.tokens.map((token, t) => (t === 4 ? token ^ change : token))
      const { job, step } = commit(tokens, honest.operators)
      const record = wordBytes(honest.outputs.get(`3 ${sample()}`)!)
      const args: unknown[] = [facts(), traceOf(job), shown(step(3)), shown(step(4)), bytesToHex(record)]
      const [expected, claimed] = harness.must('token', ...args) as bigint[]
      assert.deepEqual([Number(expected), Number(claimed)], [honest.tokens[4], tokens[4]])
      assert.equal(guilty(job, { kind: 'token', step: step(3), next: step(4), record }), expected !== claimed)
      const refused = (error: string, at: number, value: unknown) =>
        assert.deepEqual(harness.call('token', ...args.with(at, value)), { ok: false, error })
      refused('RecordWrong', 4, `0x01${bytesToHex(record).slice(4)}`)
      refused('RecordWrong', 4, '0x')
      refused('NothingShown', 3, shown(step(3)))
      refused('StepWrong', 3, { ...shown(step(4)), token: BigInt(tokens[4]! + 1) })
      refused('PathWrong', 3, { ...shown(step(4)), path: [] })
      refused('StepWrong', 2, { ...shown(step(3)), operators: '0x00' })
      const prompt = [args[0], args[1], shown(step(1)), shown(step(2)), args[4]]
      assert.deepEqual(harness.call('token', ...prompt), { ok: false, error: 'NothingShown' })
    }
  })

  it('finds rows that end in another digest than their operator has', () => {
    for (const operator of [0, 2, 3, 6, sample() - 1, sample()]) {
      const position = 3
      const working = evaluateWorking(
        planStep(honest.job, operator, position, honest.tokens[position]!),
        honest.sources,
        model.file,
      )
      const tree = workingTree(working)
      for (const [table, { rule, words }] of working.plan.tables.entries()) {
        if (rule.kind !== 'chain') continue
        const states = statesOf(rule.rowWords)
        const row = words / states / 8 - 1
        const of = working.plan.tables[rule.of]!.rule
        const [at, whose] = of.kind === 'source' ? [of.first + row, of.operator] : [position, operator]
        const last = ((row + 1) * states - 1) * 8
        const chunk = working.plan.tables[table]!.chunk + Math.floor(last / 256)
        for (const flip of [0, 1]) {
          const operators = honest.operators.map((digests) => digests.slice())
          operators[at]![whose * 32 + 5]! ^= flip
          const { job, step } = commit(honest.tokens, operators)
          const accused = {
            workingRoot: bytesToHex(hashTreeRoot(tree)),
            operator: BigInt(operator),
            table: BigInt(table),
            row: BigInt(row),
          }
          const openings = [openingOf(tree, chunk, chunkBytes(working, chunk))]
          const draw = drawArgument({ ...job.sampler, index: position - job.promptTokens + 1 })
          const args: unknown[] = [
            facts(),
            traceOf(job),
            accused,
            draw,
            shown(step(position)),
            shown(step(at)),
            openings,
          ]
          const [expected, claimed] = harness.must('bound', ...args) as [string, string]
          assert.equal(expected, bytesToHex(operators[at]!.subarray(whose * 32, whose * 32 + 32)))
          const chunks = [{ chunk, bytes: chunkBytes(working, chunk), path: hashTreePath(tree, chunk) }]
          const opening = { step: step(position), operator, chunks }
          const accusation: Accusation = { kind: 'bound', working: opening, table, row, bound: step(at) }
          assert.equal(expected !== claimed, flip === 1, `operator ${operator}, table ${table}`)
          assert.equal(guilty(job, accusation, hashTreeRoot(tree)), flip === 1)
          const refused = (error: string, place: number, value: unknown) =>
            assert.deepEqual(harness.call('bound', ...args.with(place, value)), { ok: false, error })
          refused('NothingShown', 5, shown(step(at === 0 ? 1 : at - 1)))
          refused('NothingShown', 2, { ...accused, table: BigInt(table - 1) })
          refused('NothingShown', 2, { ...accused, table: 99n })
          refused('ChunkMissing', 6, [])
          refused('PathWrong', 6, [{ ...openings[0], path: [accused.workingRoot, ...openings[0]!.path] }])
        }
      }
    }
  })
})
