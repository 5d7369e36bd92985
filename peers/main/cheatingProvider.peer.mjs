// Providers that cheat, each a process of its own behind the public interface: asked by the openai client through the
// gateway, paid like any other, and caught by `weightless verify`, which is given the bundle alone.
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
const { privateKey } = devnet.chain.accounts[1]
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
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function catchCheat(cheat, port) {
  const name = `cheating-${cheat}`
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
    await new Promise((resolve, reject) => {
      child.once('close', (code) => reject(new Error(`${cheat} ended with ${code}`)))
      child.stdout.on('data', (text) => String(text).includes('"url"') && resolve())
    })
    const { response } = await openai.chat.completions
      .create({ model: name, messages: [{ role: 'user', content: 'To be, or' }], max_tokens: 12, temperature: 0.8 })
      .withResponse()
    const id = response.headers.get('x-weightless-receipt')
    const headers = { authorization: `Bearer ${devnet.compute.apiKey}` }
    const bundle = await (await fetch(`${devnet.compute.gatewayUrl}/v1/receipts/${id}`, { headers })).json()
    const file = join(folder, `${cheat}.json`)
    writeFileSync(file, JSON.stringify(bundle))
    return await weightless('verify', file)
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
