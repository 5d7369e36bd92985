import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNodeDisk, type NodeDisk } from './nodeDisk.ts'

async function withDisk(run: (disk: NodeDisk, root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'weightless-disk-'))
  try {
    await run(createNodeDisk(root), root)
  } finally {
    await rm(root, { recursive: true })
  }
}

test('parts are written one behind another, however many there are', async () => {
  await withDisk(async (disk) => {
    const parts = Array.from({ length: 2_500 }, (_, i) => new Uint8Array(i % 7).fill(i))
    const file = await disk.open('parts', 'create')
    await file.write(3, parts)
    assert.equal(Buffer.compare(await file.read(3, 100_000), Buffer.concat(parts)), 0)
    await file.write(0, [])
    assert.equal(await file.size(), 3 + Buffer.concat(parts).length)
    await file.close()
  })
})

test('files are written, read, cut, renamed, listed and removed', async () => {
  await withDisk(async (disk, root) => {
    const file = await disk.open('a/b/file', 'create')
    await file.write(2, Uint8Array.of(1, 2, 3))
    file.writeSync(0, Uint8Array.of(9))
    await file.sync()
    assert.deepEqual(await file.read(0, 100), Uint8Array.of(9, 0, 1, 2, 3))
    assert.deepEqual(file.readSync(3, 1), Uint8Array.of(2))
    assert.deepEqual(await file.read(50, 10), new Uint8Array(0))
    await file.truncate(3)
    assert.equal(await file.size(), 3)
    await file.close()
    const again = await disk.open('a/b/file', 'create')
    assert.equal(await again.size(), 3)
    await again.close()
    await disk.rename('a/b/file', 'a/b/other')
    await disk.syncFolder('a/b')
    assert.deepEqual(await disk.list('a/b'), ['other'])
    assert.deepEqual(await disk.folder('a').list(''), ['b'])
    assert.equal(await disk.folder('a').exists('b/other'), true)
    assert.deepEqual(await disk.list('nowhere'), [])
    if (process.platform !== 'win32') {
      assert.equal((await stat(join(root, 'a/b/other'))).mode & 0o777, 0o600)
      assert.equal((await stat(join(root, 'a'))).mode & 0o777, 0o700)
    }
    await disk.remove('a')
    await disk.remove('a')
    assert.equal(await disk.exists('a/b/other'), false)
    assert.ok((await disk.folder('not/yet').freeBytes()) > 0)
    const left = await disk.folder('c').open('left', 'create')
    await disk.close()
    await assert.rejects(left.size(), { code: 'env/disk' })
    await left.close()
  })
})

test('faults have types', async () => {
  await withDisk(async (disk) => {
    await assert.rejects(disk.open('absent', 'read'), { code: 'env/file-missing', facts: { path: 'absent' } })
    await assert.rejects(disk.open('absent', 'write'), { code: 'env/file-missing' })
    for (const path of ['../x', 'a/../../x', '/etc/passwd', 'a//b', 'a\\b', 'c:x', 'a\0']) {
      await assert.rejects(async () => disk.open(path, 'create'), { code: 'env/path-invalid' }, path)
    }
    await (await disk.open('file', 'create')).close()
    await assert.rejects(disk.open('file/below', 'create'), { code: 'env/disk' })
  })
})

test('a full disk is told apart', { skip: process.platform !== 'linux' }, async () => {
  const file = await createNodeDisk('/dev').open('full', 'write')
  await assert.rejects(file.write(0, new Uint8Array(10)), { code: 'env/disk-full', facts: { path: 'full' } })
  assert.throws(() => file.writeSync(0, new Uint8Array(10)), { code: 'env/disk-full' })
  await file.close()
})
