/** Commands that store, on a whole network: checkpoints restored as on another machine, files that are private unless public. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { startTestDevnet } from '@weightless/node'
import { restoreInto } from './checkpointFolder.ts'

const bin = join(import.meta.dirname, '../bin/weightless.mjs')

describe('storing by command', () => {
  test('of a second checkpoint what changed is stored, both are restored elsewhere, and files are private unless public', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weightless-cli-checkpoint-'))
    const devnet = await startTestDevnet({ dataFolder: join(folder, 'network'), weights: 'none' })
    try {
      const network = join(folder, 'network/devnet.json')
      const run = async (dataDir: string, ...words: string[]) => {
        const env = { ...process.env, WEIGHTLESS_NETWORK: network }
        const line = [bin, '--json', '--data-dir', join(folder, dataDir), ...words]
        return JSON.parse((await promisify(execFile)(process.execPath, line, { env })).stdout)
      }
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
    } finally {
      await devnet.close()
      rmSync(folder, { recursive: true, force: true })
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
      for (const path of ['away/kept', 'file'])
        await assert.rejects(target.open(path, 4), { code: 'cli/restore-place' })
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
