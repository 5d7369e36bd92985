/** Directories there and back, as the network's gateway reads them, and hostile ones refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, type Hex, textToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import { readDirectory as readAsGateway } from '@weightless/storage/wire'
import fc from 'fast-check'
import { type DirectoryEntry, DirectoryPathError, packDirectory, putDirectory, unpackDirectory } from './index.ts'

const root: Hex = `0x${'ab'.repeat(32)}`
const file = (path: string): DirectoryEntry => ({ path, type: 'file', roots: [root], sizeBytes: 5 })
const wrap = (node: unknown, version = 2) =>
  concatBytes([
    keccak256(textToBytes('0g-storage-client-dir-codec')),
    new Uint8Array([0, version]),
    textToBytes(typeof node === 'string' ? node : JSON.stringify(node)),
  ])
const codeOf = (bytes: Uint8Array) => {
  const read = unpackDirectory(bytes)
  return read.ok ? 'ok' : read.code
}

test('entries come back under their paths, sorted, and the gateway reads the same', () => {
  const entries: DirectoryEntry[] = [
    file('b/z.txt'),
    { path: 'b/empty', type: 'directory' },
    { path: 'a', type: 'symbolic', link: 'b/z.txt' },
    { path: 'b/a', type: 'file', roots: [], sizeBytes: 0 },
  ]
  const encoded = packDirectory(entries)
  assert.ok(encoded.ok)
  const read = unpackDirectory(encoded.value)
  assert.ok(read.ok)
  assert.deepEqual(
    read.value.map(({ path }) => path),
    ['a', 'b/a', 'b/empty', 'b/z.txt'],
  )
  assert.deepEqual(
    new Set(read.value.map((entry) => JSON.stringify(entry))),
    new Set(entries.map((e) => JSON.stringify(e))),
  )
  const gateway = readAsGateway(encoded.value)
  assert.ok(gateway.ok)
  assert.deepEqual(gateway.value.entries[1]!.entries[2]!.roots, [root])
  assert.equal(
    codeOf(wrap({ name: '', type: 'directory', entries: [{ name: 'x', type: 'file', hash: root }] }, 1)),
    'ok',
  )
})

test('paths that leave the folder are refused on the way out and on the way in', async () => {
  for (const path of ['..', '../a', 'a/../b', '/a', 'a//b', 'a\\b', '', '.', 'a\u0000b', 'x'.repeat(256)]) {
    assert.equal(packDirectory([file(path)]).ok, false, path)
    const items = [{ path, content: new Uint8Array(1) }]
    await assert.rejects(putDirectory({ put: assert.fail, putMany: assert.fail }, items), DirectoryPathError)
    const node = { name: '', type: 'directory', entries: [{ name: path, type: 'file', roots: [root], size: 1 }] }
    assert.equal(codeOf(wrap(node)), 'path-unsafe', path)
  }
  assert.equal(packDirectory([file('a'), file('a')]).ok, false)
  assert.equal(packDirectory([file('a'), file('a/b')]).ok, false)
})

test('what is no directory is said to be none, whatever it is', () => {
  const bad = ['{', 'null', '[]', { type: 'file', roots: [root] }]
  const file_ = (fields: object) => ({ type: 'directory', entries: [{ name: 'x', type: 'file', ...fields }] })
  const worse = [file_({ roots: ['0x12'] }), file_({ roots: [5] }), file_({ size: -1 }), file_({ size: 0.5 })]
  for (const node of [...bad, ...worse]) assert.equal(codeOf(wrap(node)), 'directory-malformed', JSON.stringify(node))
  assert.equal(codeOf(new Uint8Array(34)), 'directory-malformed')
  assert.equal(codeOf(wrap({ type: 'directory' }, 3)), 'directory-malformed')
  let deep: object = { name: 'x', type: 'directory' }
  for (let i = 0; i < 100; i++) deep = { name: 'x', type: 'directory', entries: [deep] }
  assert.equal(codeOf(wrap(deep)), 'directory-malformed')
  fc.assert(fc.property(fc.json(), (json) => void codeOf(wrap(json))))
})
