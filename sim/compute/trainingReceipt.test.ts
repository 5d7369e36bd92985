/** The receipt of a training on a real chain: signed by the provider, for its user alone, and checked by training again. RECEIPT §9 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { startFineTuning, type TrainingWorker } from '@weightless/compute'
import { verifyTraining } from '@weightless/compute/client'
import { createEmbeddedWorker } from '@weightless/compute/finetune/embeddedWorker'
import { addresses, genesis } from '@weightless/contracts'
import { fileRoot } from '@weightless/crypto'
import { brokenTerm, isAccepted, type Receipt, signAcceptance, signReceipt } from '@weightless/receipt'
import { signDelivery } from '@weightless/receipt/delivery'
import {
  makeTrainingReceipt,
  readTrainingBundle,
  type TrainingBundle,
  type TrainingOpening,
  trainingBundleToJson,
} from '@weightless/receipt/training'
import { type createClient, NoFaultShownError, TrainerRefusedError } from '@weightless/sdk'
import { acknowledgeTrainer } from './acknowledgeTrainer.ts'
import { clientOf } from './clientOf.ts'
import { startComputeNet, tokens } from './computeNet.ts'

const modelPath = new URL('../../packages/tensor/models/weightless-bard-1m.gguf', import.meta.url)
const weights = new Uint8Array(await readFile(modelPath))
const modelRoot = bytesToHex(fileRoot(weights))
const weiPerToken = 10n ** 9n
const dataset = textToBytes(
  Array.from({ length: 8 }, (_, at) => `{"prompt":"Door ${at} is","completion":" number ${at * 7}"}`).join('\n'),
)
const parameters = { num_train_epochs: 2, lora_r: 2, seed: 9 }

test('what was trained is signed, and training again gives the same; whatever else is claimed is found', async (t) => {
  const { net, client, trainer } = await open(t, (env) =>
    createEmbeddedWorker({ env, loadWeights: async () => weights }),
  )
  const { fineTuning } = client(3)
  const { id } = await fineTuning.start({ trainer, modelRoot, dataset, parameters })
  await untilTrained(fineTuning, trainer, id)
  const task = await fineTuning.task(trainer, id)
  const bundle = await fineTuning.trainingReceipt(trainer, id)
  const { receipt, opening } = bundle
  assert.deepEqual(
    [receipt.user, receipt.provider, receipt.fee, opening.datasetRoot, opening.plainRoot, opening.adapterRoot],
    [task.user, trainer.provider, task.feeWei, task.datasetRoot, bytesToHex(fileRoot(dataset)), task.adapterRoot],
  )
  const expected = { chainId: BigInt(genesis.chainId), settlement: addresses.fineTuningServing, user: task.user }
  const check = (of: TrainingBundle, lines = dataset) =>
    verifyTraining(of, { weights: weights.slice(), dataset: lines, expected })
  const outcome = await check(bundle)
  assert.ok(outcome.accepted && outcome.reExecuted, JSON.stringify(outcome))
  assert.deepEqual([outcome.steps, bytesToHex(fileRoot(outcome.adapter))], [4, task.adapterRoot])
  const light = await verifyTraining(bundle, { expected })
  assert.ok(light.accepted && !light.reExecuted)

  const faultOf = async (of: TrainingBundle, lines = dataset) => {
    const found = await check(of, lines)
    return found.accepted ? 'none' : found.fault
  }
  assert.equal(await faultOf(bundle, dataset.subarray(0, dataset.length - 1)), 'dataset')
  const lie = (changed: Partial<Receipt>, opened: Partial<TrainingOpening> = {}) =>
    signAgain(bundle, changed, opened, (one) => signReceipt(one, bundle.settlement, net.accountOf(1)))
  const word: Hex = `0x${'5a'.repeat(32)}`
  assert.equal(await faultOf(await lie({})), 'none')
  assert.equal(await faultOf(await lie({ traceRoot: word })), 'trace')
  assert.equal(await faultOf(await lie({ programId: word })), 'program')
  assert.equal(await faultOf(await lie({ modelRoot: word })), 'weights')
  assert.equal(await faultOf(await lie({ seed: word })), 'commitment')
  assert.equal(await faultOf(await lie({}, { adapterRoot: word })), 'adapter')
  assert.equal(await faultOf(await lie({ promptTokens: receipt.promptTokens + 1n })), 'usage')
  // Fewer epochs than were paid for.
  const lazy = JSON.stringify({ ...parameters, num_train_epochs: 1 })
  assert.equal(await faultOf(await lie({}, { parameters: lazy })), 'usage')

  await assert.rejects(client(4).fineTuning.trainingReceipt(trainer, id), TrainerRefusedError)
})

test('a worker that nobody can repeat gets a receipt that says so', async (t) => {
  const { client, trainer } = await open(t, () => wordWorker)
  const { fineTuning } = client(3)
  const { id } = await fineTuning.start({ trainer, modelRoot, dataset, isPlain: true })
  await untilTrained(fineTuning, trainer, id)
  const bundle = await fineTuning.trainingReceipt(trainer, id)
  assert.equal(bundle.opening.plainRoot, bundle.opening.datasetRoot)
  const outcome = await verifyTraining(bundle, { weights: weights.slice(), dataset })
  assert.ok(outcome.accepted && !outcome.reExecuted && /word of the provider/.test(outcome.note))
})

test('what a trainer signed against itself costs it stake: quote, receipt and delivery', async (t) => {
  const { net, client, trainer } = await open(t, () => wordWorker)
  const { fineTuning } = client(3)
  const { id } = await fineTuning.start({ trainer, modelRoot, dataset, isPlain: true })
  await untilTold(fineTuning, trainer, id, 'Delivered')
  const bundle = await fineTuning.trainingReceipt(trainer, id)
  const { receipt, settlement, acceptance } = bundle
  assert.ok(acceptance && isAccepted(acceptance, { chainId: receipt.chainId, settlement }))
  assert.equal(brokenTerm(acceptance.authorization, receipt), undefined)
  assert.equal(acceptance.authorization.maxFee, receipt.fee)
  const task = await fineTuning.task(trainer, id)
  assert.deepEqual(task.quote, (trainingBundleToJson(bundle) as { acceptance: unknown }).acceptance)
  assert.deepEqual([bundle.delivery!.id, bundle.delivery!.root], [id, task.delivery!.root])
  // Over the file: what the command line reads.
  const file = readTrainingBundle(JSON.parse(JSON.stringify(trainingBundleToJson(bundle))))
  assert.ok(file.ok)
  const reporter = client(4).receipts
  await assert.rejects(reporter.report(file.value), NoFaultShownError)
  await assert.rejects(reporter.report(file.value, file.value), NoFaultShownError)

  const sign = (one: Receipt) => signReceipt(one, settlement, net.accountOf(1))
  const signed = async (jobNonce: bigint, changed: Partial<Receipt> = {}) => {
    const one = { ...receipt, jobNonce, ...changed }
    return { ...bundle, receipt: one, signature: await sign(one) }
  }
  const accepted = async (jobNonce: bigint, changed: Partial<Receipt>) => {
    const authorization = { ...acceptance.authorization, jobNonce }
    const place = { chainId: receipt.chainId, settlement }
    const signature = await signAcceptance(authorization, place, net.accountOf(1))
    return { ...(await signed(jobNonce, changed)), acceptance: { authorization, signature } }
  }
  const kindOf = async (one: TrainingBundle, other?: TrainingBundle) => {
    const { fault, slashedWei, toUserWei } = await reporter.report(one, other)
    assert.ok(slashedWei > 0n && toUserWei === (slashedWei * 40n) / 100n)
    return fault
  }
  const delivering = async (one: TrainingBundle, root: Hex) => ({
    ...one,
    delivery: await signDelivery(one.receipt, { id, root }, settlement, net.accountOf(1)),
  })
  const word: Hex = `0x${'5a'.repeat(32)}`
  const late = acceptance.authorization.deadline + 1n
  assert.equal(await kindOf(await accepted(1n, { timestamp: late })), 'broken-acceptance')
  assert.equal(await kindOf(await signed(2n), await signed(2n, { outputHash: word })), 'contradiction')
  assert.equal(await kindOf(await signed(3n, { fee: receipt.fee - 1n })), 'false-bill')
  const fourth = await signed(4n)
  assert.equal(await kindOf(await delivering(fourth, word)), 'other-delivery')
  const fifth = await signed(5n)
  const two = [await delivering(fifth, task.delivery!.root), await delivering(fifth, word)] as const
  assert.equal(await kindOf(...two), 'double-delivery')
})

test('a task whose quote has expired is trained no more, and nothing is signed for it', async (t) => {
  const waiting = Promise.withResolvers<void>()
  const slow: TrainingWorker = {
    ...wordWorker,
    async open(task) {
      const session = await wordWorker.open(task)
      return {
        ...session,
        async train(run) {
          await waiting.promise
          return session.train(run)
        },
      }
    },
  }
  const { client, trainer } = await open(t, () => slow, { quoteMsMax: 1_000 })
  const { fineTuning } = client(3)
  const { id } = await fineTuning.start({ trainer, modelRoot, dataset, isPlain: true })
  await untilTold(fineTuning, trainer, id, 'Training')
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  waiting.resolve()
  const { failure } = await untilOver(fineTuning, trainer, id)
  assert.match(failure ?? '', /quote says: deadline/)
  await assert.rejects(fineTuning.trainingReceipt(trainer, id), TrainerRefusedError)
})

/** The same receipt about something else, all hashes made again: what a provider could sign if it wished. */
async function signAgain(
  { receipt, opening, settlement }: TrainingBundle,
  changed: Partial<Receipt>,
  opened: Partial<TrainingOpening>,
  sign: (receipt: Receipt) => Promise<Hex>,
): Promise<TrainingBundle> {
  const { programId, tokenizerRoot, traceRoot: stateHash } = receipt
  const facts = {
    ...receipt,
    trainedTokens: Number(changed.promptTokens ?? receipt.promptTokens),
    timestampSeconds: Number(receipt.timestamp),
    proof: { programId, tokenizerRoot, stateHash },
  }
  const other = { ...opening, ...opened }
  const made = { ...makeTrainingReceipt(facts, other), ...changed }
  return { settlement, receipt: made, signature: await sign(made), opening: other }
}

const wordWorker: TrainingWorker = {
  name: 'test',
  async open() {
    return {
      plan: { rows: 1, heldOutRows: 0, steps: 1, trainedTokens: 70 },
      train: async () => ({ adapter: textToBytes('adapter'), trainedTokens: 70, base: undefined, tuned: undefined }),
      close: async () => undefined,
    }
  },
}

type Net = Awaited<ReturnType<typeof startComputeNet>>

async function open(t: TestContext, workerOf: (env: Net['env']) => TrainingWorker, limits = {}) {
  const net = await startComputeNet()
  const service = await startFineTuning({
    ...{ env: net.env, rpcUrl: net.rpcUrl, chainId: genesis.chainId, contracts: addresses, port: 0, weiPerToken },
    blobs: { get: async () => assert.fail('nothing is in storage'), put: async () => ({}) as never },
    account: net.accountOf(1),
    models: [{ name: 'bard', root: modelRoot, description: 'a test' }],
    worker: workerOf(net.env),
    quota: { cpuCount: 1n, nodeMemory: 1n, gpuCount: 0n, nodeStorage: 1n, gpuType: '' },
    limits: { lookMs: 50, ...limits },
  })
  t.after(async () => {
    await service.close()
    await net.close()
  })
  await acknowledgeTrainer(net, service.address)
  const client = (index: number) => clientOf(net, index)
  const [trainer] = await client(3).fineTuning.providers()
  await client(3).account.deposit(tokens(5))
  await client(3).fineTuning.fund(trainer!, tokens(1))
  return { net, client, trainer: trainer! }
}

type Client = ReturnType<typeof createClient>

type Trainer = Parameters<Client['fineTuning']['tasks']>[0]

const untilTrained = (fineTuning: Client['fineTuning'], trainer: Trainer, id: string) =>
  untilTold(fineTuning, trainer, id, 'Trained')

async function untilOver(fineTuning: Client['fineTuning'], trainer: Trainer, id: string) {
  for await (const event of fineTuning.follow(trainer, id)) {
    if (event.type === 'end') break
  }
  return fineTuning.task(trainer, id)
}

async function untilTold(fineTuning: Client['fineTuning'], trainer: Trainer, id: string, note: string) {
  for await (const event of fineTuning.follow(trainer, id)) {
    if (event.type === 'note' && event.text === note) return
  }
  assert.fail(`the task was not told to be ${note}`)
}
