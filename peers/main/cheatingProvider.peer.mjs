// Providers that cheat, each a process of its own behind the public interface: asked by the openai client through the
// gateway, paid like any other, and caught by `weightless verify`, which is given the bundle alone; or, where the receipt
// lies about a job that was accepted, not paid, and reported on chain by `weightless receipt report`.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import OpenAI from 'openai'

const root = process.env.WEIGHTLESS_ROOT
const devnet = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const cli = join(root, 'packages/cli/bin/weightless.mjs')
const weights = join(root, 'packages/tensor/models/weightless-bard-1m.gguf')
const otherWeights = join(root, 'vectors/tensor/tiny-random.gguf')
const cheats = /cheats = \[([^\]]+)\]/
  .exec(readFileSync(join(root, 'packages/compute/scripts/cheat.ts'), 'utf8'))[1]
  .match(/[a-z-]+/g)
const receiptCheats = {
  'wrong-body': 'broken-acceptance',
  'late-answer': 'broken-acceptance',
  'false-bill': 'false-bill',
  'no-acceptance': undefined,
}
const openai = new OpenAI({ baseURL: `${devnet.compute.gatewayUrl}/v1`, apiKey: devnet.compute.apiKey })
const folder = mkdtempSync(join(tmpdir(), 'weightless-cheat-'))
try {
  await weightless('file', 'upload', weights, '--public', '--yes')
  for (const [index, cheat] of cheats.entries()) {
    const outcome = await catchCheat(cheat, 29_500 + index)
    // The honest control: the same program, not cheating.
    assert.equal(outcome.accepted, cheat === 'none', `${cheat}: ${outcome.detail ?? 'accepted'}`)
    const place = [outcome.token === undefined ? '' : `token ${outcome.token}`, outcome.operator ?? ''].filter(Boolean)
    console.log(`${cheat}: ${outcome.fault ?? 'accepted'}${place.length > 0 ? ` at ${place.join(', ')}` : ''}`)
  }
  for (const [index, [cheat, kind]] of Object.entries(receiptCheats).entries()) {
    await catchReceiptCheat(cheat, kind, { port: 29_520 + index, account: 2 + index })
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function catchCheat(cheat, port) {
  return withCheat(cheat, { port, account: 1 }, async (model) => {
    const { response } = await ask(model)
    const id = response.headers.get('x-weightless-receipt')
    const headers = { authorization: `Bearer ${devnet.compute.apiKey}` }
    const bundle = await (await fetch(`${devnet.compute.gatewayUrl}/v1/receipts/${id}`, { headers })).json()
    const file = join(folder, `${cheat}.json`)
    writeFileSync(file, JSON.stringify(bundle))
    return weightless('verify', file)
  })
}

/** Accepted before the job, so that the lie of its receipt costs the provider half its stake, by the user's own command. */
async function catchReceiptCheat(cheat, kind, place) {
  await withCheat(cheat, place, async (model, provider) => {
    const asked = ask(model, { headers: { 'x-weightless-accept': '1' }, maxRetries: 0 })
    if (kind === undefined) {
      await assert.rejects(asked, /did not accept/)
      console.log(`${cheat}: not answered`)
      return
    }
    await asked
    const shown = await until(async () =>
      (await weightless('receipt', 'faults')).faults.find((fault) => fault.provider === provider),
    )
    assert.equal(shown.kind, kind)
    const report = await weightless('receipt', 'report', shown.id, '--yes')
    assert.equal(report.fault, kind)
    assert.ok(BigInt(report.slashedWei) > 0n && BigInt(report.toUserWei) * 5n === BigInt(report.slashedWei) * 2n)
    console.log(`${cheat}: ${kind}, lost ${report.slashedWei} wei of its stake`)
  })
}

function ask(model, options) {
  const messages = [{ role: 'user', content: 'To be, or' }]
  return openai.chat.completions.create({ model, messages, max_tokens: 12, temperature: 0.8 }, options).withResponse()
}

/** The gateway reads the registry every five seconds, and judges a receipt after the answer. */
async function until(look) {
  for (let attempt = 0; attempt < 100; attempt++) {
    const found = await look()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(`not seen in time: ${look}`)
}

/** A cheating process of its own, while `work` runs. */
async function withCheat(cheat, { port, account }, work) {
  const name = `cheating-${cheat}`
  const { privateKey } = devnet.chain.accounts[account]
  const child = spawn(
    process.execPath,
    [
      join(root, 'packages/compute/scripts/cheatingProvider.ts'),
      ...['--cheat', cheat, '--weights', weights, '--other-weights', otherWeights, '--name', name],
      ...['--key', privateKey, '--rpc', devnet.chain.rpcUrl, '--port', String(port), '--data-dir', join(folder, cheat)],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  try {
    const started = await new Promise((resolve, reject) => {
      child.once('close', (code) => reject(new Error(`${cheat} ended with ${code}`)))
      child.stdout.on('data', (text) => String(text).includes('"url"') && resolve(JSON.parse(String(text))))
    })
    await until(async () => (await openai.models.list()).data.some(({ id }) => id === name))
    return await work(name, started.address)
  } finally {
    child.kill('SIGKILL')
    await new Promise((resolve) =>
      child.exitCode === null && child.signalCode === null ? child.once('close', resolve) : resolve(),
    )
  }
}

async function weightless(...words) {
  const env = { ...process.env, WEIGHTLESS_NETWORK: process.env.WEIGHTLESS_DEVNET }
  const run = promisify(execFile)(process.execPath, [cli, '--json', ...words], { env, maxBuffer: 1 << 26 })
  const { stdout } = await run.catch((error) => error)
  return JSON.parse(stdout)
}
