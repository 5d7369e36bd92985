/** A trainer loses stake for a wrong word of a step, whoever shows it; an honest one for nothing that can be shown. Spec: spec/dispute.md §14.8. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { hashTreePath, hashTreeRoot } from '@weightless/crypto'
import { accuseTraining, openTrainingParty, pieceDigests, type WordOpening } from '@weightless/dispute'
import { stateArgument } from '@weightless/dispute/contract/trainingArguments'
import {
  batches,
  type LoraCheat,
  type LoraRun,
  options,
  steps,
  trainFalsely,
  trainHonestly,
} from '@weightless/dispute/training/loraRun.cases'
import { runTree } from '@weightless/dispute/training/trainingParty'
import { topOf } from '@weightless/tensor/train/commitState'
import { encodeAbiParameters, keccak256, parseAbiParameters, toHex } from 'viem'
import { openUnit } from '../scripts/trainingCase.ts'
import { createTrainingRig, stakedWei, type TrainingRig } from '../scripts/trainingRig.ts'

const wrongAt = 2
const errorOf = (result: { ok: boolean; error?: string }) => (result.ok ? 'none' : result.error)
/** Adds a little to word 5 of the table. */
const bend = (name: string): LoraCheat => ({
  alter(table, values) {
    if (table.name === name) values[5] = Math.fround(values[5]! + 0.25)
  },
})

/** Spec: receipt.md 9.1. */
const parametersOf = (text: string) => {
  const tag = keccak256(toHex('weightless/receipt/v1/training-parameters'))
  return keccak256(encodeAbiParameters(parseAbiParameters('bytes32, string'), [tag, text]))
}

describe('TrainingGame', () => {
  let stage: TrainingRig
  let run: LoraRun
  before(async () => {
    run = await trainHonestly()
    stage = await createTrainingRig(steps, bytesToHex(options.seed32))
  })
  let jobs = 0n

  /** Accuses a trainer who takes one step falsely, with what its own roots show. */
  async function accuse(cheat: LoraCheat) {
    const record = trainFalsely(run, cheat, wrongAt)
    const { root, party } = openTrainingParty(record)
    const found = await accuseTraining(run.own, record.states.at(-1)!, { ...party, runRoot: async () => root })
    assert.ok(found.found === 'accusation' && found.accusation.kind === 'word', JSON.stringify(found))
    const receipt = stage.receiptFor(++jobs)
    const { accusation, roots } = found
    return {
      receipt,
      accusation,
      args: await stage.argumentsOf(receipt, run.own.job.planAt(wrongAt), accusation, roots),
    }
  }

  /** What anybody can show of an honest trainer, or of one that committed to another chunk. */
  async function showHonest(table: number, word: number, planted?: (chunk: Uint8Array) => Uint8Array) {
    const { own, states, facts } = run
    const plan = own.job.planAt(wrongAt)
    const trace = await own.record.traceAt(wrongAt)
    const unit = openUnit(
      {
        ...{ plan, trace, state: states[wrongAt]!, weights: own.weights, graph: facts.graph, options, step: wrongAt },
        ...{ rows: batches[wrongAt]!, modelRoot: '0x', prove: () => assert.fail() },
      },
      table,
      word,
      planted,
    )
    const tree = runTree(own.record.states)
    const stateAt = (at: number) => ({
      ...{ root: own.record.states[at]!, path: hashTreePath(tree, at) },
      ...{ head: own.record.headAt(at), digests: pieceDigests(states[at]!), top: topOf(pieceDigests(states[at]!)) },
    })
    const opening = { ...unit.opening, before: stateAt(wrongAt), after: stateAt(wrongAt + 1) } as WordOpening
    const roots = { run: hashTreeRoot(tree), trace: { step: wrongAt, root: unit.trace } }
    return stage.argumentsOf(stage.receiptFor(++jobs), plan, opening, roots)
  }

  /** What its signatures alone show of a job. */
  async function reportTwoRoots(receipt: ReturnType<TrainingRig['receiptFor']>) {
    const one = await stage.signRoot(receipt, 9, 4, receipt.modelRoot)
    const two = await stage.signRoot(receipt, 9, 4, receipt.outputHash)
    const args = [receipt, await stage.signReceipt(receipt), one, two] as const
    return errorOf(
      await stage.rig.send(stage.rig.contracts.trainingStake, 'reportTwoRoots', args, { from: stage.accuser }),
    )
  }

  it('knows a model before it decides', async () => {
    const { args } = await accuse(bend('row 1 layer 0 ffn.gated'))
    assert.equal(errorOf(await stage.proveWord(args)), 'FactsUnknown')
    await stage.vouch()
  })

  it('takes half the stake for one word, once for a job', async () => {
    const { args, receipt } = await accuse(bend('row 1 layer 0 ffn.gated'))
    const staked = await stage.staked()
    assert.equal(staked, stakedWei)
    const sent = await stage.proveWord(args)
    assert.equal(errorOf(sent), 'none')
    assert.ok(sent.gasUsed < 3_000_000n, `${sent.gasUsed} gas`)
    assert.equal(await stage.staked(), staked / 2n)
    assert.deepEqual(
      [await stage.credit(receipt.user), await stage.credit(stage.accuser)],
      [(staked * 20n) / 100n, staked / 20n],
    )
    assert.equal(errorOf(await stage.proveWord(args)), 'FaultCounted')
    assert.equal(await reportTwoRoots(receipt), 'FaultCounted')
    assert.equal(await stage.staked(), staked / 2n)
  })

  it('takes it for a chunk that is longer than its table gives it', async () => {
    const table = run.own.job.planAt(wrongAt).tables.findIndex(({ name }) => name === 'row 1 layer 0 ffn.gated')
    const staked = await stage.staked()
    assert.equal(errorOf(await stage.proveWord(await showHonest(table, 5))), 'NothingWrong')
    const longer = await showHonest(table, 5, (chunk) => Uint8Array.of(...chunk, 0, 0, 0, 0))
    assert.equal(errorOf(await stage.proveWord(longer)), 'none')
    assert.equal(await stage.staked(), staked / 2n)
  })

  describe('by settings', () => {
    const { rank, alpha, learningRate, targets } = options
    const names = targets.map((target) => `${target}_proj`)
    const asked = { lora_r: rank, lora_alpha: alpha, learning_rate: learningRate, target_modules: names }
    const none = bytesToHex(new Uint8Array(32))
    type Opened = ReturnType<typeof stateArgument>

    async function proveSettings(text: string, bent: Partial<Opened> = {}, sampler = parametersOf(text)) {
      const { own, states } = run
      const tree = runTree(own.record.states)
      const opened = stateArgument(wrongAt, {
        ...{ root: own.record.states[wrongAt]!, path: hashTreePath(tree, wrongAt) },
        ...{ head: own.record.headAt(wrongAt), top: topOf(pieceDigests(states[wrongAt]!)) },
      })
      const receipt = { ...stage.receiptFor(++jobs), sampler }
      const root = bytesToHex(hashTreeRoot(tree))
      return { receipt, sent: await stage.proveSettings(receipt, root, { ...opened, ...bent }, text) }
    }
    const errorWith = async (...args: Parameters<typeof proveSettings>) => errorOf((await proveSettings(...args)).sent)

    it('takes nothing where they are as asked, in whatever form', async () => {
      const staked = await stage.staked()
      const { target_modules, ...rest } = asked
      for (const text of [
        JSON.stringify(asked),
        JSON.stringify(
          { target_modules: target_modules.toReversed(), note: { lora_r: [1, 'a}'] }, ...rest, method: 'lora' },
          null,
          2,
        ),
        JSON.stringify({ ...rest, target_modules: [...target_modules, target_modules[0]] }),
        JSON.stringify(asked).replace(/"learning_rate":[^,]*/, `"learning_rate":${learningRate * 1e4}e-4`),
      ])
        assert.equal(await errorWith(text), 'NothingWrong', text)
      assert.equal(await stage.staked(), staked)
    })

    it('takes it for each that nobody asked for, defaults among them, once for a job', async () => {
      for (const other of [
        { lora_r: rank + 1 },
        { lora_alpha: alpha * 2 },
        { learning_rate: learningRate * (1 + Number.EPSILON) },
        { target_modules: names.slice(1) },
        { lora_r: undefined },
        { learning_rate: undefined },
        { target_modules: undefined },
      ]) {
        const staked = await stage.staked()
        const { sent, receipt } = await proveSettings(JSON.stringify({ ...asked, ...other }))
        assert.equal(errorOf(sent), 'none', JSON.stringify(other))
        assert.ok(sent.gasUsed < 400_000n, `${sent.gasUsed} gas`)
        assert.equal(await reportTwoRoots(receipt), 'FaultCounted')
        assert.equal(await stage.staked(), staked - staked / 2n)
      }
    })

    it('believes no accuser', async () => {
      const staked = await stage.staked()
      const other = JSON.stringify({ ...asked, lora_r: rank + 1 })
      assert.equal(await errorWith(other, {}, parametersOf(JSON.stringify(asked))), 'HeadsDiffer')
      assert.equal(await errorWith(other, { top: none }), 'NotOfRun')
      assert.equal(await errorWith(other, { head: bytesToHex(run.own.record.headAt(wrongAt + 1)) }), 'NotOfRun')
      assert.equal(await errorWith(other.replace('{', '{"lora_r":3,')), 'ParametersForeign')
      assert.equal(await errorWith(other.replace('{', '{"method":"full",')), 'ParametersForeign')
      assert.equal(await errorWith(other.replace('{', '{"lora\\u005fr":3,')), 'Refused')
      assert.equal(await errorWith(other.replace('"lora_r":', '"lora_r":-')), 'HeadForeign')
      assert.equal(await stage.staked(), staked)
    })
  })

  it('alone names jobs to the stake', async () => {
    const { rig, provider, user, accuser } = stage
    const job = [provider.address, user, ++jobs, accuser] as const
    assert.equal(
      errorOf(await rig.send(rig.contracts.trainingStake, 'punishJob', job, { from: accuser })),
      'CallerNotJudge',
    )
  })

  for (const name of [
    'row 0 layer 0 x',
    'row 1 layer 1 attention.norm',
    'row 0 layer 0 attention.residual',
    'row 2 layer 1 attention.mix',
    'row 1 loss.logits',
    'row 1 layer 1 d.ffn.norm',
    'row 2 layer 0 d.attention.qkv',
    'row 2 gradient layer 1 q.B',
    'norm 0',
    'new v/adapter',
    'new p/adapter',
  ]) {
    it(`takes it for a word of ${name}`, async () => {
      const { args } = await accuse(bend(name))
      const staked = await stage.staked()
      assert.equal(errorOf(await stage.proveWord(args)), 'none')
      assert.equal(await stage.staked(), staked / 2n)
    })
  }

  it('finds nothing wrong with an honest trainer', async () => {
    const staked = await stage.staked()
    const { tables } = run.own.job.planAt(wrongAt)
    for (let table = 3; table < tables.length; table += 29) {
      const { name, words } = tables[table]!
      const args = await showHonest(table, words >> 1)
      assert.equal(errorOf(await stage.proveWord(args)), 'NothingWrong', name)
    }
    assert.equal(await stage.staked(), staked)
  })

  it('believes no accuser', async () => {
    const { args, receipt } = await accuse(bend('row 1 layer 0 ffn.gate'))
    const { exhibit, tables, pieces } = args
    const { signRoot, signReceipt, other } = stage
    const staked = await stage.staked()
    const none = bytesToHex(new Uint8Array(32))
    const zeros = bytesToHex(new Uint8Array(4096))
    const { trace, run: ofRun, before, afterwards } = exhibit
    const shown = tables.at(-1)!
    const read = tables[0]!
    const put = <T>(list: readonly T[], at: number, one: T) => list.map((entry, i) => (i === at ? one : entry))
    const swapped: [string, string, object][] = [
      [
        'a root that another signed',
        'RootNotSignedByProvider',
        { trace: await signRoot(receipt, trace.place, trace.leaves, trace.root, other) },
      ],
      ['a root that nobody signed', 'RootNotSignedByProvider', { trace: { ...trace, root: none } }],
      [
        'the trace of another step',
        'StepForeign',
        { trace: await signRoot(receipt, trace.place - 1, trace.leaves, trace.root) },
      ],
      [
        'a trace of fewer tables',
        'TableUnknown',
        { trace: await signRoot(receipt, trace.place, trace.leaves - 1, trace.root) },
      ],
      ['states that are not side by side', 'StepForeign', { afterwards: before }],
      ['a state of no run', 'NotOfRun', { before: { ...before, top: none } }],
      ['a run of another length', 'RootNotSignedByProvider', { run: { ...ofRun, leaves: 3 } }],
      ['other rows', 'RowsForeign', { rows: `${exhibit.rows.slice(0, -8)}00000000` }],
      ['another head', 'NotOfRun', { afterwards: { ...afterwards, head: before.head } }],
      ['another receipt', 'NotSignedByProvider', { receipt: { ...receipt, fee: 1n } }],
      ['a receipt of a chat', 'ReceiptForeign', await signed({ ...receipt, serviceClass: 1 })],
      ['a receipt of another program', 'HeadsDiffer', await signedAll({ ...receipt, programId: none })],
      ['other facts', 'FactsUnknown', { model: { ...exhibit.model, width: 8n } }],
    ]
    async function signed(message: typeof receipt) {
      return { receipt: message, signature: await signReceipt(message) }
    }
    async function signedAll(message: typeof receipt) {
      const roots = {
        run: await signRoot(message, 0, ofRun.leaves, ofRun.root),
        trace: await signRoot(message, trace.place, trace.leaves, trace.root),
      }
      return { ...(await signed(message)), ...roots }
    }
    for (const [what, error, changed] of swapped) {
      assert.equal(errorOf(await stage.proveWord({ ...args, exhibit: { ...exhibit, ...changed } })), error, what)
    }
    const chunk = read.chunks[0]!
    const bentTables: [string, string, typeof tables][] = [
      [
        'words that are not the table’s',
        'ShownWrong',
        put(tables, 0, { ...read, chunks: [{ ...chunk, data: zeros }] }),
      ],
      ['words of another table', 'ShownWrong', put(tables, 0, { ...read, table: read.table + 1 })],
      ['a way that leads elsewhere', 'ShownWrong', put(tables, 0, { ...read, path: put(read.path, 0, none) })],
      ['too short a way', 'PathWrong', put(tables, 0, { ...read, path: read.path.slice(1) })],
      ['words that are read and not shown', 'NotShown', tables.slice(1)],
      ['the accused table alone', 'NotShown', [shown]],
      ['no table', 'AccusedNotShown', []],
      ['a table twice', 'ShownWrong', [read, ...tables]],
      ['the accused table among others', 'AccusedNotShown', [...tables, { ...shown, chunks: [] }]],
    ]
    for (const [what, error, bent] of bentTables) {
      assert.equal(errorOf(await stage.proveWord({ ...args, tables: bent })), error, what)
    }
    const [piece] = pieces
    assert.ok(piece, 'the word is made from the adapter too')
    const wrongPiece = put(pieces, 0, { ...piece, data: zeros })
    assert.equal(errorOf(await stage.proveWord({ ...args, pieces: wrongPiece })), 'ShownWrong')
    assert.equal(errorOf(await stage.proveWord({ ...args, pieces: [] })), 'NotShown')
    assert.equal(errorOf(await stage.proveWord({ ...args, files: [] })), 'FilesWrong')
    assert.equal(errorOf(await stage.proveWord({ ...args, files: [...args.files, args.files[0]!] })), 'FilesWrong')
    assert.equal(errorOf(await stage.proveWord({ ...args, isBackward: true })), 'TableUnknown')
    assert.equal(errorOf(await stage.proveWord({ ...args, index: args.index + 100_000n })), 'AccusedNotShown')
    assert.equal(await stage.staked(), staked)
    assert.equal(errorOf(await stage.proveWord(args)), 'none')
  })

  it('takes nothing for a job whose two roots were paid for', async () => {
    const { args, receipt } = await accuse(bend('row 1 layer 0 ffn.gated'))
    assert.equal(await reportTwoRoots(receipt), 'none')
    assert.equal(errorOf(await stage.proveWord(args)), 'FaultCounted')
  })
})
