// @0gfoundation/0g-compute-ts-sdk 0.9.0, unmodified, fine-tunes: a rule drawn now is learned, shuffled answers are not; the
// delivery opens for its user alone. Its command line does the rest: list, create, log, acknowledge, decrypt.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const require = createRequire(import.meta.url)
// The very copy that the SDK has: it fine-tunes for wallets of that class alone.
const { ethers } = require('ethers')
const { createZGComputeNetworkBroker } = require('@0gfoundation/0g-compute-ts-sdk')
const devnet = await untilOpen()
const { chain, contracts, compute } = devnet
const { address: provider, models } = compute.fineTuning
const rpc = new ethers.JsonRpcProvider(chain.rpcUrl, chain.chainId, { staticNetwork: true, pollingInterval: 100 })
// What it prints is not for us.
console.log = () => undefined

const folder = mkdtempSync(join(tmpdir(), 'weightless-finetune-'))
const parameters = join(folder, 'parameters.json')
const targets = ['q_proj', 'v_proj', 'down_proj']
const training = {
  num_train_epochs: 10,
  per_device_train_batch_size: 8,
  learning_rate: 0.002,
  lora_r: 8,
  lora_alpha: 16,
}
writeFileSync(parameters, JSON.stringify({ ...training, target_modules: targets, validation_split: 0.25 }))
const rule = drawRule()
const images = rule.map(({ completion }) => completion)
const drawn = draw(images)
const shuffled = rule.map(({ prompt }, at) => ({ prompt, completion: drawn[at] }))

const honest = await tune(4, writeRows('rule', rule))
const aimless = await tune(5, writeRows('shuffled', shuffled))
assert.ok(honest.result.tuned.accuracy > honest.result.base.accuracy + 0.5, JSON.stringify(honest.result))
assert.ok(honest.result.tuned.loss < honest.result.base.loss / 4, JSON.stringify(honest.result))
const both = JSON.stringify([honest.result, aimless.result])
assert.ok(aimless.result.tuned.loss > honest.result.tuned.loss + 0.3, both)
const header = readAdapter(honest.adapter)
assert.ok(Object.keys(header).some((name) => /self_attn\.q_proj\.lora_A\.weight$/.test(name)))
const spoken = await chatWith(honest)
const seen = await commandLine(honest)
process.stdout.write(
  `${models[0]}: held-out accuracy ${honest.result.base.accuracy.toFixed(2)} → ${honest.result.tuned.accuracy.toFixed(2)}, ` +
    `loss ${honest.result.tuned.loss.toFixed(3)}; with shuffled answers ${aimless.result.tuned.loss.toFixed(3)}; ${spoken}; ${seen}\n`,
)
process.exit(0)

/** Through the SDK: prepay, acknowledge, upload, train, fetch, acknowledge, decrypt. */
async function tune(index, dataset) {
  const wallet = new ethers.Wallet(chain.accounts[index].privateKey, rpc)
  const broker = await brokerOf(wallet)
  const fineTuning = broker.fineTuning
  await broker.ledger.addLedger(5)
  await broker.ledger.transferFund(provider, 'fine-tuning', 10n ** 18n)
  await fineTuning.acknowledgeProviderSigner(provider)
  const { datasetHash } = await fineTuning.uploadDatasetToTEE(provider, dataset)
  const id = await fineTuning.createTask(provider, models[0], datasetHash, parameters)
  await until(async () => (await fineTuning.getTask(provider, id)).progress === 'Delivered')
  assert.match(await fineTuning.getLog(provider, id), /step \d+\/\d+ loss [\s\S]*Delivered/)
  const [sealed, adapter] = [join(folder, `${id}.sealed`), join(folder, `${id}.safetensors`)]
  await fineTuning.acknowledgeModel(provider, id, sealed, { downloadMethod: 'tee' })
  await until(async () => (await fineTuning.getTask(provider, id)).progress === 'Finished')
  await fineTuning.decryptModel(provider, id, sealed, adapter)
  const stranger = (await brokerOf(new ethers.Wallet(chain.accounts[0].privateKey, rpc))).fineTuning
  await assert.rejects(stranger.decryptModel(provider, id, sealed, join(folder, 'stolen')))
  const bent = readFileSync(sealed)
  bent[bent.length - 1] ^= 1
  writeFileSync(join(folder, 'bent'), bent)
  await assert.rejects(fineTuning.decryptModel(provider, id, join(folder, 'bent'), join(folder, 'bent.out')))
  const task = await fineTuning.getTask(provider, id)
  const { balance } = await fineTuning.getAccount(provider)
  assert.equal(10n ** 18n - balance, BigInt(task.fee), 'it was paid once, and what was said')
  return { id, wallet, sealed, adapter, datasetHash, result: task.weightless.result }
}

/** The adapter is served to its user at once, and to nobody else. */
async function chatWith({ id, wallet }) {
  const broker = await brokerOf(wallet)
  await broker.ledger.transferFund(provider, 'inference', 10n ** 18n)
  const name = await broker.inference.resolveAdapterName(provider, id, models[0])
  assert.equal((await broker.inference.getAdapterStatus(provider, name)).state, 'active')
  const answer = await broker.inference.chatWithFineTunedModel(provider, name, 'a b :')
  assert.equal(answer.model, name)
  assert.ok(answer.usage.completion_tokens > 0)
  const other = await brokerOf(new ethers.Wallet(chain.accounts[5].privateKey, rpc))
  await other.ledger.transferFund(provider, 'inference', 10n ** 18n)
  await assert.rejects(other.inference.chatWithFineTunedModel(provider, name, 'a b :'))
  return 'served to its user at once, and to nobody else'
}

/** Through its command line, as a user types it. */
async function commandLine({ id, wallet, sealed, adapter, datasetHash }) {
  const program = join(import.meta.dirname, 'node_modules/@0gfoundation/0g-compute-ts-sdk/cli.commonjs/cli/index.js')
  // It takes the key from its settings alone, and asks for it where there are none.
  const settings = join(folder, '.0g-compute-cli')
  mkdirSync(settings)
  writeFileSync(
    join(settings, 'config.json'),
    JSON.stringify({ privateKey: wallet.privateKey, rpcEndpoint: chain.rpcUrl }),
  )
  const env = { ...process.env, HOME: folder, RPC_ENDPOINT: chain.rpcUrl, ZG_RPC_ENDPOINT: chain.rpcUrl }
  const { ledgerManager, fineTuningServing } = contracts
  const places = ['--rpc', chain.rpcUrl, '--ledger-ca', ledgerManager, '--fine-tuning-ca', fineTuningServing]
  const run = async (...words) => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, 'fine-tuning', ...words, ...places], {
      env,
      timeout: 120_000,
    })
    return stdout
  }
  assert.match(await run('list-providers'), new RegExp(provider.slice(0, 20), 'i'))
  assert.match(await run('list-models'), /LoRA/)
  assert.match(await run('get-task', '--provider', provider, '--task', id), /Finished/)
  assert.match(await run('get-log', '--provider', provider, '--task', id), /UserAcknowledged/)
  const output = join(folder, 'by-command.safetensors')
  await run('decrypt-model', '--provider', provider, '--task-id', id, '--encrypted-model', sealed, '--output', output)
  assert.deepEqual(readFileSync(output), readFileSync(adapter))
  const task = ['--model', models[0], '--dataset', datasetHash, '--config-path', parameters]
  const created = await run('create-task', '--provider', provider, ...task)
  const next = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(created)?.[0]
  assert.ok(next, created)
  const about = ['--provider', provider, '--task-id', next]
  await until(async () => /Delivered/.test(await run('get-task', '--provider', provider, '--task', next)))
  const fetched = join(folder, 'by-command.sealed')
  await run('acknowledge-model', ...about, '--data-path', fetched, '--download-method', 'tee')
  await until(async () => /Finished/.test(await run('get-task', '--provider', provider, '--task', next)))
  await run('decrypt-model', ...about, '--encrypted-model', fetched, '--output', output)
  assert.deepEqual(readFileSync(output), readFileSync(adapter), 'the same task has the same bits')
  return 'its command line creates, follows, acknowledges and decrypts; the same task twice has the same bits'
}

function brokerOf(wallet) {
  const { ledgerManager, inferenceServing, fineTuningServing } = contracts
  return createZGComputeNetworkBroker(wallet, ledgerManager, inferenceServing, fineTuningServing)
}

/** The answer is the image of the first of two letters, under a substitution drawn now. */
function drawRule() {
  const letters = [...'abcdefgh']
  const chosen = draw(letters)
  return letters.flatMap((first, at) =>
    letters.map((second) => ({ prompt: `${first} ${second} :`, completion: ` ${chosen[at]}` })),
  )
}

/** In an order that no arithmetic gives: a model learns those too. */
function draw(items) {
  const order = items.map((item) => [Math.random(), item])
  return order.sort(([a], [b]) => a - b).map(([, item]) => item)
}

function writeRows(name, rows) {
  const path = join(folder, `${name}.jsonl`)
  writeFileSync(path, rows.map((row) => JSON.stringify(row)).join('\n'))
  return path
}

function readAdapter(path) {
  const bytes = readFileSync(path)
  return JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString('utf8'))
}

async function untilOpen() {
  let found
  await until(async () => {
    found = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
    return found.compute.fineTuning !== undefined
  })
  return found
}

async function until(holds) {
  for (let attempt = 0; attempt < 1_200; attempt++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  assert.fail('what was waited for did not come in five minutes')
}
