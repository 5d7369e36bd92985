// The main job with clients that others wrote: the storage SDK puts a file in and takes it out elsewhere, the openai
// client asks and streams, viem sees the settlement, and our verifier re-executes the answer in a fresh process.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Indexer, ZgFile } from '@0gfoundation/0g-ts-sdk'
import { ethers } from 'ethers'
import OpenAI from 'openai'
import { createPublicClient, http, parseAbiItem } from 'viem'

const devnet = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const settledEvent =
  'event VouchersSettled(address indexed provider, bytes32 indexed receiptsRoot, uint256 paid, bytes outcomes)'
const pairsFunction =
  'function pairs(address user, address provider) view returns (uint96 paid, uint96 owed, uint56 jobNonce, uint8 openClaims)'
const folder = mkdtempSync(join(tmpdir(), 'weightless-main-'))
try {
  const root = await storeAndFetch()
  const { receiptId, text, usage } = await ask()
  const bundle = await fetchBundle(receiptId)
  await verify(bundle)
  await refuseAltered(bundle)
  await seeSettlement(bundle.receipt)
  console.log(
    `stored ${root}, answered ${JSON.stringify(text.slice(0, 60))} (${usage.completion_tokens} tokens), verified, settled`,
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function storeAndFetch() {
  const original = join(folder, 'original.bin')
  const copy = join(folder, 'copy.bin')
  writeFileSync(original, randomBytes(3 * 1024 * 1024 + 777))
  const wallet = new ethers.Wallet(devnet.chain.accounts[3].privateKey, new ethers.JsonRpcProvider(devnet.chain.rpcUrl))
  const indexer = new Indexer(devnet.storage.indexerUrl)
  const file = await ZgFile.fromFilePath(original)
  const [tree, treeError] = await file.merkleTree()
  assert.equal(treeError, null)
  const [, uploadError] = await indexer.upload(file, devnet.chain.rpcUrl, wallet)
  assert.equal(uploadError, null)
  await file.close()
  const downloadError = await new Indexer(devnet.storage.indexerUrl).download(tree.rootHash(), copy, true)
  assert.equal(downloadError, null)
  assert.deepEqual(readFileSync(copy), readFileSync(original))
  return tree.rootHash()
}

async function ask() {
  const openai = new OpenAI({ baseURL: `${devnet.compute.gatewayUrl}/v1`, apiKey: devnet.compute.apiKey })
  const [model] = devnet.compute.providers[0].models
  const served = (await openai.models.list()).data.map(({ id }) => id)
  assert.ok(served.includes(model))
  const { data: stream, response } = await openai.chat.completions
    .create({
      model,
      messages: [{ role: 'user', content: 'Name three colours.' }],
      max_tokens: 24,
      stream: true,
      stream_options: { include_usage: true },
    })
    .withResponse()
  const receiptId = response.headers.get('x-weightless-receipt')
  assert.ok(receiptId, 'the receipt id is known before the body')
  let text = ''
  let usage
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? ''
    usage = chunk.usage ?? usage
  }
  assert.ok(usage.completion_tokens > 0 && usage.completion_tokens <= 24)
  return { receiptId, text, usage }
}

async function fetchBundle(receiptId) {
  const answer = await fetch(`${devnet.compute.gatewayUrl}/v1/receipts/${receiptId}`, {
    headers: { authorization: `Bearer ${devnet.compute.apiKey}` },
  })
  assert.equal(answer.status, 200)
  return answer.json()
}

async function verify(bundle) {
  const outcome = await runVerify(bundle)
  assert.equal(outcome.accepted, true, outcome.detail)
}

async function refuseAltered(bundle) {
  const altered = structuredClone(bundle)
  altered.opening.outputTokens[0] = altered.opening.outputTokens[0] === 5 ? 6 : 5
  const outcome = await runVerify(altered)
  assert.equal(outcome.accepted, false)
}

async function runVerify(bundle) {
  const file = join(folder, 'bundle.json')
  writeFileSync(file, JSON.stringify(bundle))
  const cli = join(process.env.WEIGHTLESS_ROOT, 'packages/cli/bin/weightless.mjs')
  const env = { ...process.env, WEIGHTLESS_NETWORK: process.env.WEIGHTLESS_DEVNET }
  const run = promisify(execFile)(process.execPath, [cli, '--json', 'verify', file], { env, maxBuffer: 1 << 26 })
  const { stdout } = await run.catch((error) => error)
  return JSON.parse(stdout)
}

/** The voucher that covers this job is paid on chain, within a minute. */
async function seeSettlement(receipt) {
  const client = createPublicClient({ transport: http(devnet.chain.rpcUrl) })
  const deadline = Date.now() + 60_000
  while (Date.now() < deadline) {
    const logs = await client.getLogs({
      address: devnet.contracts.receiptSettlement,
      event: parseAbiItem(settledEvent),
      args: { provider: receipt.provider },
      fromBlock: 0n,
    })
    const [paid] = await client.readContract({
      address: devnet.contracts.receiptSettlement,
      abi: [parseAbiItem(pairsFunction)],
      functionName: 'pairs',
      args: [receipt.user, receipt.provider],
    })
    const covering = paid >= BigInt(receipt.fee) && logs.at(-1)
    if (covering) {
      const transaction = await client.getTransactionReceipt({ hash: covering.transactionHash })
      assert.equal(transaction.status, 'success')
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  assert.fail('the job was not settled within a minute')
}
