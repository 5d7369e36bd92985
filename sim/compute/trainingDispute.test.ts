/** A user disputes trainings over the network: an honest trainer's stands, each way of cheating is found and judged again from a file. DISPUTE §14 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { bytesToHex, hexToBytes, textToBytes } from '@weightless/codec'
import { startFineTuning } from '@weightless/compute'
import type { TrainingDispute } from '@weightless/compute/client'
import { createEmbeddedWorker } from '@weightless/compute/finetune/embeddedWorker'
import { parseTrainingVerdict, trainingVerdictToJson } from '@weightless/compute/wire'
import { addresses, genesis } from '@weightless/contracts'
import { fileRoot } from '@weightless/crypto'
import { hashReceipt, signReceipt } from '@weightless/receipt'
import { makeTrainingReceipt, type TrainingBundle, trainingBundleToJson } from '@weightless/receipt/training'
import {
  type Client,
  disputeTraining,
  type FineTuningProvider,
  judgeTraining,
  VerdictUndecidedError,
} from '@weightless/sdk'
import { bytesSource } from '@weightless/tensor'
import { makeProbeModel } from '@weightless/tensor/selfCheck/makeProbeModel'
import { acknowledgeTrainer } from './acknowledgeTrainer.ts'
import { type Cheat, cheats, createCheatingTrainer, wrongAt } from './cheatingTrainer.ts'
import { clientOf } from './clientOf.ts'
import { type ComputeNet, startComputeNet, tokens } from './computeNet.ts'

const bin = join(import.meta.dirname, '../../packages/cli/bin/weightless.mjs')
const weights = makeProbeModel()
const modelRoot = bytesToHex(fileRoot(weights))
const dataset = textToBytes(
  Array.from({ length: 9 }, (_, at) => `{"prompt":"${at} is","completion":" no ${at * 7}"}`).join('\n'),
)
const parameters = {
  ...{ num_train_epochs: 2, lora_r: 2, per_device_train_batch_size: 3, validation_split: 0, learning_rate: 0.003 },
  target_modules: ['q_proj', 'down_proj'],
}
const full = { method: 'full', max_seq_length: 9, max_steps: 6 }
type Method = 'lora' | 'full'

describe('disputes over trainings that were sold', () => {
  let net: ComputeNet
  let client: Client
  let trainer: FineTuningProvider
  const cheatOf = new Map<string, Cheat>()
  const closing: (() => Promise<void>)[] = []

  before(async () => {
    net = await startComputeNet()
    const embedded = createEmbeddedWorker({ env: net.env, loadWeights: async () => weights.slice() })
    const cheating = createCheatingTrainer(weights, ({ taskId }) => cheatOf.get(taskId) ?? 'none')
    const service = await startFineTuning({
      ...{ env: net.env, rpcUrl: net.rpcUrl, chainId: genesis.chainId, contracts: addresses, port: 0, weiPerToken: 1n },
      blobs: { get: async () => assert.fail('nothing is in storage'), put: async () => ({}) as never },
      account: net.accountOf(1),
      models: [{ name: 'probe', root: modelRoot, description: 'a test' }],
      worker: {
        name: 'test',
        async open(job) {
          const cheat = cheats[job.parameters.seed]!
          cheatOf.set(job.taskId, cheat)
          return (cheat === 'none' ? embedded : cheating).open(job)
        },
        defend: (job, states) => (cheatOf.get(job.taskId) === 'none' ? embedded : cheating).defend!(job, states),
      },
      quota: { cpuCount: 1n, nodeMemory: 1n, gpuCount: 0n, nodeStorage: 1n, gpuType: '' },
      limits: { lookMs: 50, perUserMax: 32, disputeYieldMs: 0 },
    })
    closing.push(service.close, net.close)
    await acknowledgeTrainer(net, service.address)
    client = clientOf(net, 3)
    trainer = (await client.fineTuning.providers())[0]!
    await client.account.deposit(tokens(5))
    await client.fineTuning.fund(trainer, tokens(1))
  })
  after(async () => {
    for (const close of closing) await close()
  })

  /** The seed says which cheat it is. */
  async function train(cheat: Cheat, method: Method = 'lora'): Promise<TrainingBundle> {
    const { fineTuning } = client
    const seed = cheats.indexOf(cheat)
    const given = { ...parameters, ...(method === 'full' && full), seed }
    const { id } = await fineTuning.start({ trainer, modelRoot, dataset, parameters: given })
    for await (const event of fineTuning.follow(trainer, id)) {
      if (event.type === 'note' && event.text === 'Trained') break
      if (event.type === 'end') assert.fail(JSON.stringify(await fineTuning.task(trainer, id)))
    }
    return fineTuning.trainingReceipt(trainer, id)
  }

  const dispute = (bundle: TrainingBundle): Promise<TrainingDispute> =>
    client.fineTuning.dispute(bundle, { dataset, weights: weights.slice() })

  const expected: [Method, Cheat, string, RegExp, number][] = [
    ['lora', 'skipped data', 'head', /^rowsSeen$/, wrongAt],
    ['lora', 'reordered data', 'head', /^dataDigest$/, wrongAt],
    ['lora', 'wrong learning rate', 'word', /^new p\/adapter$/, wrongAt],
    ['lora', 'wrong moment', 'word', /^new v\/adapter$/, wrongAt],
    ['lora', 'flipped weight', 'word', /^new p\/adapter$/, wrongAt],
    ['lora', 'wrong random counter', 'head', /^seed$/, 0],
    ['lora', 'other settings', 'head', /^settings$/, 0],
    ['lora', 'another result', 'adapter', /^root of the adapter$/, 6],
    ['lora', 'another end', 'end', /^final state$/, 6],
    ['full', 'skipped data', 'head', /^rowsSeen$/, wrongAt],
    ['full', 'reordered data', 'word', /^row 0 layer 0 x$/, wrongAt],
    ['full', 'wrong learning rate', 'word', /^new p\/token_embd.weight$/, wrongAt],
    ['full', 'wrong moment', 'word', /^new v\/blk.0.ffn_up.weight$/, wrongAt],
    ['full', 'flipped weight', 'word', /^new p\/blk.0.ffn_up.weight$/, wrongAt],
    // The seed draws the order of examples too, and data are named before it.
    ['full', 'wrong random counter', 'head', /^data$/, 0],
    ['full', 'other settings', 'head', /^settings$/, 0],
    ['full', 'another result', 'adapter', /^root of the adapter$/, 6],
    ['full', 'another end', 'end', /^final state$/, 6],
  ]
  /** What a cursor alone tells of rows can be judged by whoever has the data. */
  const needsData = (method: Method, kind: string) => kind === 'head' || (method === 'full' && kind === 'word')
  /** What signatures and the receipt's parameters show a contract. */
  const isSigned = (method: Method, cheat: Cheat) =>
    cheat === 'wrong random counter' || cheat === 'another end' || (method === 'lora' && cheat === 'other settings')
  for (const [method, cheat, kind, what, step] of expected) {
    test(`${method}: ${cheat} is found, and anybody judges the file again`, async () => {
      const outcome = await dispute(await train(cheat, method))
      assert.ok(outcome.outcome === 'guilty', outcome.outcome)
      assert.ok(outcome.questions <= 20, `${outcome.questions} questions`)
      const { finding } = outcome.verdict
      assert.deepEqual([finding.kind, finding.step], [kind, step])
      assert.match(finding.what, what)
      const read = parseTrainingVerdict(JSON.stringify(trainingVerdictToJson(outcome.verdict)))
      assert.ok(read.ok, read.ok ? '' : read.detail)
      assert.deepEqual(await judgeTraining(read.value, bytesSource(weights), dataset), { outcome: 'guilty', finding })
      // Without the data, what is about rows cannot be judged, and all else can.
      const light = await judgeTraining(read.value, weights)
      assert.equal(light.outcome, needsData(method, kind) ? 'refused' : 'guilty')
      const submitted = clientOf(net, 5).fineTuning.submitVerdict(read.value, { model: weights })
      if (method === 'lora' && kind === 'word') {
        const { slashedWei, gasUsed } = await submitted
        assert.ok(slashedWei > 0n && gasUsed < 3_000_000n, `${gasUsed} gas`)
      } else if (isSigned(method, cheat)) {
        const { slashedWei, toUserWei, toReporterWei, gasUsed } = await submitted
        assert.ok(slashedWei > 0n && toUserWei === (slashedWei * 40n) / 100n && toReporterWei === slashedWei / 10n)
        assert.ok(gasUsed < 400_000n, `${gasUsed} gas`)
      } else await assert.rejects(submitted, VerdictUndecidedError)
      const other = weights.with(-1, weights.at(-1)! ^ 1)
      assert.equal((await judgeTraining(read.value, other, dataset)).outcome, 'refused')
      const told = { ...read.value, finding: { ...finding, expected: '7' } }
      assert.equal((await judgeTraining(told, weights, dataset)).outcome, 'refused')
      if (kind !== 'adapter') {
        const [first, ...rest] = read.value.roots
        const unsigned = { ...read.value, roots: [{ ...first!, leaves: first!.leaves + 1 }, ...rest] }
        assert.equal((await judgeTraining(unsigned, weights, dataset)).outcome, 'refused')
      }
    })
  }

  test('an honest trainer is agreed with, and its answers hold against a receipt that says otherwise', async () => {
    const bundle = await train('none')
    assert.deepEqual(await dispute(bundle), { outcome: 'agreed', questions: 0 })
    const url = `${trainer.url}/v1/receipts/${hashReceipt(bundle.receipt, bundle.settlement)}/dispute`
    const ask = (body: object) =>
      fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    const { salt } = bundle.opening
    const { replayTraining } = await import('@weightless/compute/finetune/dispute/replayTraining')
    const { matchInputs } = await import('@weightless/compute/finetune/verifyTraining')
    const { askTrainingDefender } = await import('@weightless/compute/wire/askTrainingDefender')
    const { openTrainingParty } = await import('@weightless/dispute')
    const inputs = matchInputs(bundle, weights, dataset)
    assert.ok(!('fault' in inputs))
    const replay = await replayTraining(weights.slice(), inputs)
    const { defender } = askTrainingDefender(bundle, replay.job, async (body) => {
      const response = await ask(body)
      return response.status === 200 ? response.json() : undefined
    })
    const { root, party } = openTrainingParty(replay.record)
    assert.deepEqual(await defender.runRoot(), root)
    assert.deepEqual(await defender.state(3), await party.state(3))
    assert.deepEqual(await defender.opening(4), await party.opening(4))
    assert.deepEqual(await defender.traceRoot(4), await party.traceRoot(4))
    assert.deepEqual(await defender.table(4, 9), await party.table(4, 9))
    assert.deepEqual(await defender.chunk(4, 9, 0), await party.chunk(4, 9, 0))
    // An earlier step again: the trainer goes back.
    assert.deepEqual(await defender.traceRoot(1), await party.traceRoot(1))
    assert.equal((await ask({ salt: `0x${'00'.repeat(32)}`, question: { ask: 'run' } })).status, 404)
    assert.equal((await ask({ salt, question: { ask: 'chunk', step: 99, table: 0, chunk: 0 } })).status, 404)
    assert.equal((await ask({ salt, question: { ask: 'everything' } })).status, 400)

    // Its run ends in another state than such a receipt says: the receipt itself is what it loses by.
    const { receipt, opening, settlement } = bundle
    const facts = {
      ...{ ...receipt, trainedTokens: Number(receipt.promptTokens), timestampSeconds: Number(receipt.timestamp) },
      proof: { programId: receipt.programId, tokenizerRoot: receipt.tokenizerRoot, stateHash: `0x${'77'.repeat(32)}` },
    } as const
    const false_ = makeTrainingReceipt(facts, opening)
    const signature = await signReceipt(false_, settlement, net.accountOf(1))
    const lie = { settlement, receipt: false_, signature, opening }
    const { signTrainingRoot } = await import('@weightless/receipt/trainingRoot')
    const said = { place: 0, leaves: replay.job.steps + 1, root: bytesToHex(root) }
    const { playTrainingDispute } = await import('@weightless/compute/client')
    const end = await playTrainingDispute(lie, {
      ...{ weights: weights.slice(), dataset },
      send: async () => ({
        root: said.root,
        signature: await signTrainingRoot(false_, said, settlement, net.accountOf(1)),
      }),
    })
    assert.ok(end.outcome === 'guilty' && end.verdict.finding.kind === 'end')
    assert.deepEqual(hexToBytes(said.root), root)
  })

  test('silence is withheld, and no guilt', async () => {
    const silent = await dispute(await train('silence'))
    assert.ok(silent.outcome === 'withheld' && silent.asked === 'the root of its run', silent.outcome)
    const bundle = await train('wrong moment')
    const gone = await disputeTraining(
      net.env,
      bundle,
      'http://127.0.0.1:9',
      { weights: weights.slice(), dataset },
      { answerMsMax: 50 },
    )
    assert.ok(gone.outcome === 'withheld' && gone.questions === 1)
  })

  test('the command line disputes from the bundle, and judges the file', async () => {
    const bundle = await train('flipped weight')
    const at = (name: string) => join(net.folder, name)
    writeFileSync(at('bundle.json'), JSON.stringify(trainingBundleToJson(bundle)))
    writeFileSync(at('model.gguf'), weights)
    writeFileSync(at('data.jsonl'), dataset)
    const inputs = ['--model', at('model.gguf'), '--dataset', at('data.jsonl')]
    const open = await run([
      'dispute',
      'open',
      at('bundle.json'),
      '--provider',
      trainer.url,
      ...inputs,
      '--out',
      at('verdict.json'),
    ])
    assert.match(open.stdout, /GUILTY {4}step 2: new p\/adapter 7/)
    assert.equal(open.code, 1)
    const judged = await run(['dispute', 'judge', at('verdict.json'), '--model', at('model.gguf')])
    assert.match(judged.stdout, /GUILTY {4}step 2: new p\/adapter 7/)
    assert.equal(judged.code, 0)
  })
})

function run(words: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...words], { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
  })
}
