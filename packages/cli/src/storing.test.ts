/** Commands that store, on a whole network: checkpoints restored as on another machine, files and folders that are private unless public. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Devnet, startTestDevnet } from '@weightless/node'
import { restoreInto } from './checkpointFolder.ts'

const bin = join(import.meta.dirname, '../bin/weightless.mjs')

describe('storing by command', () => {
  let folder: string
  let network: string
  let devnet: Devnet
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weightless-cli-storing-'))
    network = join(folder, 'network/devnet.json')
    devnet = await startTestDevnet({ dataFolder: join(folder, 'network'), weights: 'none' })
  })

  after(async () => {
    await devnet.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const run = async (dataDir: string, ...words: string[]) => {
    const env = { ...process.env, WEIGHTLESS_NETWORK: network }
    const line = [bin, '--json', '--data-dir', join(folder, dataDir), ...words]
    return JSON.parse((await promisify(execFile)(process.execPath, line, { env })).stdout)
  }

  async function countTransactions(): Promise<string> {
    const { rpcUrl, accounts } = devnet.file.chain
    const params = [accounts[0]!.address, 'latest']
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getTransactionCount', params })
    const answer = await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    return ((await answer.json()) as { result: string }).result
  }

  test('of a second checkpoint what changed is stored, both are restored elsewhere, and files are private unless public', async () => {
    const model = join(folder, 'model')
    mkdirSync(join(model, 'deep'), { recursive: true })
    const weights = new Uint8Array(1_500_000).map((_, at) => (at * 2_654_435_761) >>> 13)
    writeFileSync(join(model, 'deep/weights.bin'), weights)
    writeFileSync(join(model, 'empty'), '')
    const first = await run('saver', 'checkpoint', 'save', 'run 1', model, '--yes')
    assert.equal(first.newBytes, weights.length)
    weights[700_000]! ^= 1
    writeFileSync(join(model, 'deep/weights.bin'), weights)
    const second = await run('saver', 'checkpoint', 'save', 'run 1', model, '--yes')
    assert.ok(second.newBytes > 0 && second.newBytes < weights.length, `${second.newBytes}`)
    const owner = devnet.file.chain.accounts[0]!.address
    const restored = await run('elsewhere', 'checkpoint', 'restore', 'run 1', join(folder, 'b'), '--owner', owner)
    assert.deepEqual([restored.files, restored.sizeBytes], [2, weights.length])
    assert.ok(readFileSync(join(folder, 'b/deep/weights.bin')).equals(weights))
    assert.equal(readFileSync(join(folder, 'b/empty')).length, 0)
    const again = await run('elsewhere', 'checkpoint', 'restore', 'run 1', join(folder, 'b'), '--owner', owner)
    assert.equal(again.fetchedBytes, 0)
    const version = String(first.version)
    await run('elsewhere', 'checkpoint', 'restore', 'run 1', join(folder, 'c'), '--owner', owner, '--at', version)
    weights[700_000]! ^= 1
    assert.ok(readFileSync(join(folder, 'c/deep/weights.bin')).equals(weights))
    const { checkpoints } = await run('elsewhere', 'checkpoint', 'list', '--owner', owner)
    assert.deepEqual(
      checkpoints.map(({ name }: { name: string }) => name),
      ['run 1'],
    )

    const present = readFileSync(join(model, 'deep/weights.bin'))
    for (const flags of [[], ['--public']]) {
      const stored = await run('saver', 'file', 'upload', join(model, 'deep/weights.bin'), '--yes', ...flags)
      const raw = await (await fetch(`${devnet.file.storage.indexerUrl}/file/${stored.root}`)).arrayBuffer()
      assert.equal(Buffer.from(raw).equals(present), flags.length > 0)
      const copy = join(folder, `copy${flags.length}`)
      await run('saver', 'file', 'download', stored.root, copy)
      assert.ok(readFileSync(copy).equals(present))
      const renewed = await run('saver', 'file', 'renew', stored.root, '--yes')
      assert.ok(BigInt(renewed.feeWei) > 0n && renewed.paidUntilMs > Date.now())
    }
  })

  test('a folder: private unless public, paid once, whole again with its empty parts, no link followed', async () => {
    const papers = join(folder, 'papers')
    const parts: { [path: string]: Buffer } = { 'big.bin': randomBytes(600_000), 'deep/empty.txt': Buffer.alloc(0) }
    for (let i = 0; i < 12; i++) parts[`deep/er/note ${i}.txt`] = Buffer.from(`note ${i % 9}`)
    for (const place of ['deep/er', 'nothing/here']) mkdirSync(join(papers, place), { recursive: true })
    for (const [path, bytes] of Object.entries(parts)) writeFileSync(join(papers, path), bytes)
    symlinkSync('/etc', join(papers, 'deep/away'))
    const refused = (words: string[], code: string) =>
      assert.rejects(run('saver', ...words), ({ stdout }) => JSON.parse(stdout).error.code === code)

    const quote = await run('saver', 'file', 'quote', papers)
    const stored = await run('saver', 'file', 'upload', papers, '--yes')
    assert.deepEqual([stored.files, stored.isPrivate, stored.leftOut], [14, true, ['deep/away']])
    const isPaidOnce = BigInt(stored.feeWei) > 0n && BigInt(stored.feeWei) < BigInt(quote.feeWei)
    assert.ok(isPaidOnce, 'content that is there twice is paid once')
    const again = await run('saver', 'file', 'upload', papers, '--yes')
    assert.deepEqual([again.root, again.feeWei], [stored.root, '0'])
    const open = await run('saver', 'file', 'upload', papers, '--yes', '--public')
    assert.deepEqual([open.isPrivate, open.root === stored.root], [false, false])

    for (const { root } of [stored, open]) {
      const copy = join(folder, root)
      const fetched = await run('saver', 'file', 'download', root, '--out', copy)
      assert.deepEqual([fetched.files, fetched.sizeBytes], [14, stored.sizeBytes])
      const found = readdirSync(copy, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory())
      assert.equal(found.length, 14)
      for (const [path, bytes] of Object.entries(parts)) assert.ok(readFileSync(join(copy, path)).equals(bytes), path)
      assert.ok(existsSync(join(copy, 'nothing/here')))
    }

    const [target, out] = [join(folder, 'target'), join(folder, 'out')]
    for (const place of [target, out]) mkdirSync(place)
    symlinkSync(out, join(target, 'deep'))
    await refused(['file', 'download', stored.root, target], 'cli/folder-not-empty')
    await refused(['file', 'download', stored.root, target, '--force'], 'cli/restore-place')
    assert.deepEqual(readdirSync(out), [])
    mkdirSync(join(folder, 'empty'))
    const empty = await run('saver', 'file', 'upload', join(folder, 'empty'), '--yes')
    assert.equal(empty.files, 0)
  })

  test('an upload that Ctrl-C ends is paid once, whenever that was', async () => {
    const path = join(folder, 'interrupted')
    writeFileSync(path, randomBytes(12_000_000))
    const listed = (await run('saver', 'file', 'list')).files.length
    const words = ['--json', '--data-dir', join(folder, 'saver'), 'file', 'upload', path, '--yes']
    const env = { ...process.env, WEIGHTLESS_NETWORK: network }
    const upload = spawn(process.execPath, [bin, ...words], { env, stdio: 'ignore' })
    const before = await countTransactions()
    while (upload.exitCode === null && (await countTransactions()) === before) await setTimeout(10)
    upload.kill('SIGINT')
    const stored = await run('saver', 'file', 'upload', path, '--yes')
    assert.equal(stored.feeWei, '0')
    assert.equal((await run('saver', 'file', 'list')).files.length, listed + 1)
  })

  test('a storage node’s stake is put up, shown, taken back after a wait, and owned by who put it up', async () => {
    const key = ['--key', join(folder, 'network/keys/storage-1.key')]
    const stake = (...words: string[]) => run('saver', 'storage', 'stake', ...words, ...key)
    const refused = (words: string[], code: string) =>
      assert.rejects(run('saver', 'storage', 'stake', ...words), ({ stdout }) => JSON.parse(stdout).error.code === code)
    const [user, other] = devnet.file.chain.accounts
    const none = await stake('show')
    assert.deepEqual([none.owner, none.stakedWei], [undefined, '0'])
    const put = await stake('add', '1.5', '--yes')
    assert.deepEqual(
      [put.owner, put.stakedWei, put.slashableWei],
      [user!.address, `${15n * 10n ** 17n}`, put.stakedWei],
    )
    const taken = await stake('return', '1')
    assert.deepEqual([taken.stakedWei, taken.unstakingWei], [`${5n * 10n ** 17n}`, `${10n ** 18n}`])
    assert.ok(taken.readyAtSeconds > Date.now() / 1000)
    assert.equal((await stake('show')).slashableWei, put.stakedWei)
    await refused(['withdraw', ...key], 'ledger/reverted')
    await refused(['add', '1', ...key], 'cli/not-confirmed')
    await refused(['show', '--key', join(folder, 'no.key')], 'node/node-key-missing')
    process.env.WEIGHTLESS_KEY = other!.privateKey
    try {
      await refused(['add', '1', '--yes', ...key], 'node/holder-owned')
      await refused(['return', '0.1', ...key], 'ledger/reverted')
    } finally {
      delete process.env.WEIGHTLESS_KEY
    }
  })

  test('links that lead out of the folder are not followed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weightless-cli-links-'))
    try {
      for (const name of ['in', 'out']) mkdirSync(join(folder, name))
      writeFileSync(join(folder, 'out/kept'), 'kept')
      symlinkSync(join(folder, 'out'), join(folder, 'in/away'))
      symlinkSync(join(folder, 'out/kept'), join(folder, 'in/file'))
      const target = restoreInto(join(folder, 'in'))
      for (const path of ['away/kept', 'away/new/file', 'file'])
        await assert.rejects(target.open(path, 4), { code: 'cli/restore-place' })
      assert.deepEqual(readdirSync(join(folder, 'out')), ['kept'])
      assert.equal(readFileSync(join(folder, 'out/kept'), 'utf8'), 'kept')
      const file = await target.open('a/b', 3)
      await file.write(0, new Uint8Array([1, 2, 3]))
      await file.close()
      assert.deepEqual([...readFileSync(join(folder, 'in/a/b'))], [1, 2, 3])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
