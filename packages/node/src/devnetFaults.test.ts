/** The whole devnet against hostile pages and damaged data: refused with the file's name, or recovered without loss. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { WeightlessError } from '@weightless/codec'
import { readDevnetFile } from './devnetFile.ts'
import { startTestDevnet } from './startTestDevnet.ts'

const folder = mkdtempSync(join(tmpdir(), 'weightless faults '))
const whole = join(folder, 'whole')
const damaged = join(folder, 'damaged')
const answers: { name: string; status: number }[] = []

/** SHA-256 of every file below a folder, by its path. */
function digestsOf(at: string): Map<string, string> {
  const files = readdirSync(at, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name)
      return [path, createHash('sha256').update(readFileSync(path)).digest('hex')]
    }),
  )
}

type Ask = { url: string; headers: { [name: string]: string }; body?: string }

function ask({ url, headers, body }: Ask): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: body ? 'POST' : 'GET', headers, agent: false }, (answer) => {
      answer.resume()
      answer.once('end', () => resolve(answer.statusCode ?? 0))
    })
    sent.once('error', reject)
    sent.end(body)
  })
}

describe('the devnet under misuse', () => {
  before(async () => {
    const devnet = await startTestDevnet({ dataFolder: whole, weights: 'none', console: true })
    const { chain, storage, compute, console } = devnet.file
    const urls = { chain: chain.rpcUrl, storage: storage.indexerUrl, gateway: compute.gatewayUrl, console: console.url }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_accounts', params: [] })
    for (const [name, url] of Object.entries(urls)) {
      answers.push({ name: `${name} rebound`, status: await ask({ url, headers: { host: 'evil.example' } }) })
      if (name === 'storage') continue
      const headers = { origin: 'https://evil.example', 'content-type': 'text/plain' }
      answers.push({ name: `${name} other site`, status: await ask({ url, headers, body }) })
    }
    const config = `${console.url}/config.json`
    answers.push({
      name: 'keys, other site',
      status: await ask({ url: config, headers: { origin: 'https://evil.example' } }),
    })
    const wallet = { origin: 'chrome-extension://abcdef', 'content-type': 'application/json' }
    assert.equal(await ask({ url: chain.rpcUrl, headers: wallet, body }), 200)
    assert.equal(await ask({ url: chain.rpcUrl, headers: { origin: 'http://localhost:5173' }, body }), 200)
    await devnet.close()
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('pages of other sites and rebound names reach no service that holds keys or money', () => {
    assert.deepEqual(
      answers.filter(({ status }) => status !== 403),
      [],
    )
    assert.equal(answers.length, 8)
  })

  test('what holds a key is readable by its user alone', () => {
    for (const name of ['api-key', 'devnet.json', 'version.json']) {
      assert.equal(statSync(join(whole, name)).mode & 0o777, 0o600, name)
    }
  })

  async function startDamaged(file: string, offset: number): Promise<unknown> {
    rmSync(damaged, { recursive: true, force: true })
    cpSync(whole, damaged, { recursive: true })
    const bytes = readFileSync(join(damaged, file))
    bytes[offset < 0 ? bytes.length + offset : offset]! ^= 0x41
    writeFileSync(join(damaged, file), bytes)
    try {
      const devnet = await startTestDevnet({ dataFolder: damaged, weights: 'none' })
      await devnet.close()
      return undefined
    } catch (error) {
      return error
    }
  }

  const logs = ['chain/blocks', 'chain/state', 'storage-0/index/log', 'storage-0/segments/index/log', 'gateway']

  for (const log of logs) {
    test(`one flipped byte in ${log} refuses the start and names file and offset`, async () => {
      const file = `${log}/00000001.log`
      const error = await startDamaged(file, statSync(join(whole, file)).size >> 1)
      assert.ok(error instanceof WeightlessError, `${file} was taken as it is`)
      assert.equal(error.code, 'node/data-damaged')
      assert.equal(error.facts.file, join(damaged, file))
      assert.equal(typeof error.facts.offset, 'number')
      assert.ok(error.hint)
    })
  }

  test('one flipped byte in stored segments stops nobody: it is found when the segment is read', async () => {
    const file = 'storage-0/segments/log/00000001.log'
    assert.equal(await startDamaged(file, statSync(join(whole, file)).size >> 1), undefined)
  })

  test('a damaged key or version is refused by name; what can be derived is written anew', async () => {
    const key = await startDamaged('api-key', 10)
    assert.ok(key instanceof WeightlessError && key.facts.file === join(damaged, 'api-key'))
    const version = await startDamaged('version.json', 2)
    assert.ok(version instanceof WeightlessError && version.facts.file === join(damaged, 'version.json'))
    assert.equal(await startDamaged('devnet.json', 1), undefined)
    // Its ports are those that were free this time.
    const known = (folder: string) => [readDevnetFile(folder)?.chain.chainId, readDevnetFile(folder)?.chain.accounts]
    assert.deepEqual(known(damaged), known(whole))
    assert.ok(known(damaged)[0])
  })

  test('a devnet of another genesis is refused with what to do, and not a byte of it is changed', async () => {
    rmSync(damaged, { recursive: true, force: true })
    cpSync(whole, damaged, { recursive: true })
    const note = join(damaged, 'chain/chain.json')
    const own = readFileSync(note, 'utf8')
    const earlier = `0x${'ab'.repeat(32)}`
    const { genesisHash } = JSON.parse(own) as { genesisHash: string }
    writeFileSync(note, own.replace(genesisHash, earlier))
    const before = digestsOf(damaged)
    assert.ok(before.size > 20)
    const error = await startTestDevnet({ dataFolder: damaged, weights: 'none' }).then(
      (devnet) => devnet.close(),
      (fault: unknown) => fault,
    )
    assert.ok(error instanceof WeightlessError)
    assert.equal(error.code, 'node/other-genesis')
    assert.deepEqual(error.facts, { folder: damaged, stored: earlier, wanted: genesisHash })
    assert.match(error.hint ?? '', /--data-dir.*weightless reset/)
    assert.deepEqual(digestsOf(damaged), before)
    writeFileSync(note, own)
    await (await startTestDevnet({ dataFolder: damaged, weights: 'none' })).close()
  })

  test('a model file that cannot be served is refused before anything starts', async () => {
    const file = join(folder, 'cut.gguf')
    const tiny = readFileSync(join(import.meta.dirname, '../../../vectors/tensor/tiny-random.gguf'))
    writeFileSync(file, tiny.subarray(0, tiny.length - 1000))
    const codes: string[] = []
    for (const modelPath of [file, join(folder, 'none.gguf'), folder]) {
      await startTestDevnet({ dataFolder: join(folder, 'unused'), modelPath }).catch((error) => codes.push(error.code))
    }
    assert.deepEqual(codes, ['tensor/gguf-invalid', 'node/model-file', 'node/model-file'])
  })

  test('a damaged list of models is told, and the devnet runs without it', async () => {
    rmSync(damaged, { recursive: true, force: true })
    cpSync(whole, damaged, { recursive: true })
    writeFileSync(join(damaged, 'models.json'), '{"models":[{')
    const warnings: string[] = []
    const devnet = await startTestDevnet({
      dataFolder: damaged,
      weights: 'none',
      onEvent: (event) => event.type === 'warning' && warnings.push(event.message),
    })
    await devnet.close()
    assert.match(warnings[0] ?? '', /models\.json/)
  })
})
