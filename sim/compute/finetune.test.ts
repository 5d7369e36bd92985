/** A fine-tuning provider on a real chain: a task from upload to the opened adapter, its refusals, its pay. The worker is this test's. */
import assert from 'node:assert/strict'
import { createDecipheriv } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { bytesToHex, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import type { FineTuning, FineTuningOptions, TrainingWorker } from '@weightless/compute'
import { startFineTuning } from '@weightless/compute'
import { abis, addresses, genesis } from '@weightless/contracts'
import { fileRoot } from '@weightless/crypto'
import { decrypt } from 'eciesjs'
import { encodePacked, keccak256, recoverAddress } from 'viem'
import { acknowledgeTrainer } from './acknowledgeTrainer.ts'
import { type ComputeNet, startComputeNet, tokens } from './computeNet.ts'

const modelRoot: Hex = `0x${'42'.repeat(32)}`
const adapterBytes = textToBytes('an adapter, as it were '.repeat(500))
const weiPerToken = 10n ** 12n
const dataset = '{"prompt":"a","completion":"b"}\n'.repeat(5)

test('a task goes from upload to the opened adapter and is paid once', async (t) => {
  const { net, service, stored, restart } = await open(t)
  const { user, url, api } = await customer(net, service, 3)
  const root = await upload(url, user, dataset)
  assert.equal(root, bytesToHex(fileRoot(textToBytes(dataset))))
  const created = await post(api('task'), await taskRequest(user, root))
  assert.equal(created.status, 200)
  const { id } = (await created.json()) as { id: string }
  await until(async () => (await progressOf(api, id)) === 'Delivered')
  const before = await deliverableOf(net, user.address, id)
  assert.equal(before.encryptedSecret, '0x')
  const file = stored.get(before.modelRootHash)!
  assert.equal(bytesToHex(fileRoot(file)), before.modelRootHash)
  await restart()
  assert.equal(await progressOf(api, id), 'Delivered')
  const events = fetch(api(`task/${id}/events`)).then((answer) => answer.text())

  const provider = net.accountOf(1).address
  const earnings = await net.ledgerOf(3).balanceOf(provider)
  const at = { address: addresses.fineTuningServing, abi: abis.fineTuningServing } as const
  await net.ledgerOf(3).submit({ ...at, functionName: 'acknowledgeDeliverable', args: [provider, id] })
  await until(async () => (await progressOf(api, id)) === 'Finished')
  const gained = (await net.ledgerOf(3).balanceOf(provider)) - earnings
  // Gas was taken off it.
  assert.ok(gained > 0n && gained <= 7n * weiPerToken * 1_000n, `${gained}`)
  const { encryptedSecret, settled } = await deliverableOf(net, user.address, id)
  assert.ok(settled)
  const key = decrypt(user.getHdKey().privateKey!, hexToBytes(encryptedSecret))
  assert.deepEqual(await openDelivery(file, key, provider), adapterBytes)
  assert.throws(() => decrypt(net.accountOf(4).getHdKey().privateKey!, hexToBytes(encryptedSecret)))
  for (const at of [0, 70, file.length - 1]) {
    const bent = file.slice()
    bent[at]! ^= 1
    await assert.rejects(openDelivery(bent, key, provider))
  }
  const log = await (await fetch(api(`task/${id}/log`))).text()
  assert.match(log, /step 1\/2 loss 2\.0000[\s\S]*Trained[\s\S]*UserAcknowledged/)
  assert.match(await events, /event: point[\s\S]*event: end\ndata: \{"progress":"Finished"\}/)
  const timestamp = Math.floor(Date.now() / 1000)
  const signature = await sign(user, keccak256(textToBytes(`${id.replaceAll('-', '')}${timestamp}`)))
  const download = await post(api(`task/${id}/lora`), { signature, timestamp })
  assert.deepEqual(new Uint8Array(await download.arrayBuffer()), file)
})

test('a task that its user never acknowledges frees her next one, for the penalty share', async (t) => {
  const { net, service } = await open(t, { limits: { lookMs: 50, acknowledgeMsMax: 700 } })
  const at = { address: addresses.fineTuningServing, abi: abis.fineTuningServing } as const
  const owner = net.ledgerOf(genesis.ownerAccountIndex)
  await owner.submit({ ...at, functionName: 'updateAcknowledgeSeconds', args: [1n] })
  const { user, url, api } = await customer(net, service, 3)
  const root = await upload(url, user, dataset)
  const ids: string[] = []
  for (let count = 0; count < 2; count++) {
    const created = await post(api('task'), await taskRequest(user, root))
    assert.equal(created.status, 200, await created.clone().text())
    ids.push(((await created.json()) as { id: string }).id)
  }
  await until(async () => (await progressOf(api, ids[0]!)) === 'Failed')
  const [first] = await Promise.all([deliverableOf(net, user.address, ids[0]!)])
  assert.deepEqual([first.settled, first.acknowledged, first.encryptedSecret], [true, false, '0x'])
  await until(async () => ['Delivered', 'Failed'].includes(await progressOf(api, ids[1]!)))
})

test('what is not the user’s, not paid for, or not a task is refused', async (t) => {
  const { net, service } = await open(t)
  const { user, url, api } = await customer(net, service, 3)
  const root = await upload(url, user, dataset)
  const good = await taskRequest(user, root)
  const stranger = net.accountOf(4)
  const cases: [string, object, number][] = [
    ['another model', await taskRequest(user, root, { preTrainedModelHash: `0x${'43'.repeat(32)}` }), 400],
    ['parameters that are none', await taskRequest(user, root, { trainingParams: '{"learning_rate":"high"}' }), 400],
    ['no JSON', await taskRequest(user, root, { trainingParams: 'x' }), 400],
    ['a signature of somebody else', { ...good, signature: (await taskRequest(stranger, root)).signature }, 401],
    ['a bent signature', { ...good, signature: `${good.signature.slice(0, -4)}0000` }, 401],
    ['another number than signed', { ...good, nonce: `${good.nonce}1` }, 401],
    ['a form that is none', { ...good, datasetHash: '0x12' }, 400],
  ]
  for (const [what, body, status] of cases) {
    const answer = await post(api('task'), body)
    assert.equal(answer.status, status, what)
    assert.equal(typeof ((await answer.json()) as { error: string }).error, 'string')
  }
  assert.equal((await post(api('task'), good)).status, 200)
  assert.equal((await post(api('task'), good)).status, 409, 'the same request again')
  const poor = `${url}/v1/user/${stranger.address}/task`
  assert.equal((await post(poor, await taskRequest(stranger, root))).status, 402)
  await assert.rejects(upload(url, stranger, dataset), /402/)
  await assert.rejects(upload(url, user, 'no json'), /line 1/)
  await assert.rejects(upload(url, user, dataset, 400), /too old/)
})

test('a waiting task is taken back by its user alone', async (t) => {
  const { net, service } = await open(t, { worker: createTestWorker(60_000) })
  const { user, url, api } = await customer(net, service, 3)
  const root = await upload(url, user, dataset)
  const { id } = (await (await post(api('task'), await taskRequest(user, root))).json()) as { id: string }
  await until(async () => (await progressOf(api, id)) === 'Training')
  assert.equal(await (await fetch(`${url}/v1/task/pending`)).text(), '1')
  const hash = keccak256(`0x${id.replaceAll('-', '')}`)
  const foreign = await post(api(`task/${id}/cancel`), { signature: await sign(net.accountOf(4), hash) })
  assert.equal(foreign.status, 401)
  const own = await post(api(`task/${id}/cancel`), { signature: await sign(user, hash) })
  assert.equal(own.status, 200)
  assert.equal(await progressOf(api, id), 'Failed')
  await until(async () => (await (await fetch(`${url}/v1/task/pending`)).text()) === '0')
})

type Account = ReturnType<ComputeNet['accountOf']>

async function open(t: TestContext, options: Partial<FineTuningOptions> = {}) {
  const net = await startComputeNet()
  const stored = new Map<Hex, Uint8Array>()
  const blobs = {
    get: async (root: Hex) => stored.get(root)!,
    put: async (content: unknown) => {
      stored.set(bytesToHex(fileRoot(content as Uint8Array)), content as Uint8Array)
      return {} as never
    },
  }
  const start = (port: number) =>
    startFineTuning({
      ...{ env: net.env, rpcUrl: net.rpcUrl, chainId: genesis.chainId, contracts: addresses, blobs, port, weiPerToken },
      account: net.accountOf(1),
      models: [{ name: 'tiny', root: modelRoot, description: 'a test' }],
      worker: createTestWorker(5),
      quota: { cpuCount: 1n, nodeMemory: 1n, gpuCount: 0n, nodeStorage: 1n, gpuType: '' },
      limits: { lookMs: 50 },
      ...options,
    })
  let service = await start(0)
  t.after(async () => {
    await service.close()
    await net.close()
  })
  await acknowledgeTrainer(net, service.address)
  async function restart() {
    await service.close()
    service = await start(Number(new URL(service.url).port))
  }
  return { net, service, stored, restart }
}

async function customer(net: ComputeNet, service: FineTuning, index: number) {
  await net.deposit(index, tokens(10))
  await net.ledgerOf(index).submit({
    ...{ address: addresses.ledgerManager, abi: abis.ledgerManager, functionName: 'transferFund' },
    args: [service.address, 'fine-tuning-v1.0', tokens(1)],
  })
  const user = net.accountOf(index)
  const api = (path: string) => `${service.url}/v1/user/${user.address}/${path}`
  return { user, url: service.url, api }
}

function createTestWorker(stepMs: number): TrainingWorker {
  return {
    name: 'test',
    async open() {
      const stop = Promise.withResolvers<never>()
      stop.promise.catch(() => undefined)
      return {
        plan: { rows: 4, heldOutRows: 1, steps: 2, trainedTokens: 7_000 },
        async train({ onPoint }) {
          for (let step = 1; step <= 2; step++) {
            await Promise.race([new Promise((resolve) => setTimeout(resolve, stepMs).unref()), stop.promise])
            onPoint?.({ step, steps: 2, loss: 2 / step, trainedTokens: 3_500 * step, tokensPerSecond: 9 })
          }
          const quality = { loss: 1, accuracy: 0.5 }
          return { adapter: adapterBytes, trainedTokens: 7_000, base: quality, tuned: quality }
        },
        close: async () => stop.reject(new Error('closed')),
      }
    },
  }
}

let lastNonce = BigInt(Date.now()) * 10_000n

async function taskRequest(user: Account, datasetHash: Hex, changed: object = {}) {
  const nonce = ++lastNonce
  const hash = keccak256(encodePacked(['address', 'uint256', 'string'], [user.address, nonce, datasetHash]))
  return {
    ...{ userAddress: user.address, datasetHash, preTrainedModelHash: modelRoot, trainingParams: '{}', fee: '0' },
    ...{ nonce: String(nonce), signature: await sign(user, hash), wait: false },
    ...changed,
  }
}

/** As the SDK: a hash is signed as the bytes of a number. */
function sign(user: Account, hash: Hex): Promise<Hex> {
  const raw = hexToBytes(hash)
  return user.signMessage({ message: { raw: raw.subarray(raw.findIndex((byte) => byte !== 0)) } })
}

async function upload(url: string, user: Account, text: string, ageSeconds = 0): Promise<Hex> {
  const timestamp = String(Math.floor(Date.now() / 1000) - ageSeconds)
  const form = new FormData()
  form.append('file', new Blob([text]), 'data.jsonl')
  form.append('signature', await sign(user, keccak256(textToBytes(`${user.address}${timestamp}`))))
  form.append('timestamp', timestamp)
  const answer = await fetch(`${url}/v1/user/${user.address}/dataset`, { method: 'POST', body: form })
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`)
  return ((await answer.json()) as { datasetHash: Hex }).datasetHash
}

const post = (url: string, body: object) => fetch(url, { method: 'POST', body: JSON.stringify(body) })

async function progressOf(api: (path: string) => string, id: string): Promise<string> {
  return ((await (await fetch(api(`task/${id}`))).json()) as { progress: string }).progress
}

function deliverableOf(net: ComputeNet, user: Hex, id: string) {
  const at = { address: addresses.fineTuningServing, abi: abis.fineTuningServing } as const
  return net.ledgerOf(3).read({ ...at, functionName: 'getDeliverable', args: [user, net.accountOf(1).address, id] })
}

/** As the SDK opens it, for a file of one chunk. */
async function openDelivery(file: Uint8Array, key: Uint8Array, signer: Hex): Promise<Uint8Array> {
  const [signature, iv, sealed, tag] = [file.slice(0, 65), file.slice(65, 77), file.slice(77, -16), file.slice(-16)]
  const decipher = createDecipheriv('aes-256-gcm', key, iv).setAuthTag(tag)
  const plain = new Uint8Array(Buffer.concat([decipher.update(sealed), decipher.final()]))
  const found = await recoverAddress({ hash: keccak256(tag), signature: bytesToHex(signature) })
  assert.equal(found, signer)
  return plain
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.fail('what was waited for did not come in 30 s')
}
