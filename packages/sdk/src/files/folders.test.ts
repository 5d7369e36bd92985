/** Folders: what is refused in a directory that somebody else wrote, and that writing and reading agree. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, textToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import { type DirectoryNode, encodeDirectory } from '@weightless/storage/wire'
import fc from 'fast-check'
import {
  FolderPathError,
  FolderTooLargeError,
  folderFilesMax,
  listDirectory,
  makeDirectory,
  startsAsDirectory,
} from './folders.ts'

const root = `0x${'ab'.repeat(32)}` as const

function entry(name: string, more: Partial<DirectoryNode> = {}): DirectoryNode {
  return { name, type: 'file', roots: [root], sizeBytes: 3, link: '', entries: [], ...more }
}

function folder(name: string, entries: DirectoryNode[]): DirectoryNode {
  return entry(name, { type: 'directory', roots: [], sizeBytes: 0, entries })
}

function listed(entries: DirectoryNode[]) {
  return listDirectory(encodeDirectory(folder('top', entries)))
}

test('a directory is the magic, version 2 and JSON sorted by name, whatever order the files had', () => {
  const files = ['b/2', 'a', 'b/1'].map((path) => ({ path, root, sizeBytes: 3 }))
  const bytes = encodeDirectory(makeDirectory('top', files))
  const magic = keccak256(textToBytes('0g-storage-client-dir-codec'))
  assert.deepEqual(bytes.subarray(0, 34), concatBytes([magic, new Uint8Array([0, 2])]))
  assert.deepEqual(bytes, encodeDirectory(makeDirectory('top', [...files].reverse())))
  const json = JSON.parse(new TextDecoder().decode(bytes.subarray(34)))
  assert.deepEqual(json, {
    name: 'top',
    type: 'directory',
    entries: [
      { name: 'a', type: 'file', roots: [root], size: 3 },
      {
        name: 'b',
        type: 'directory',
        entries: [
          { name: '1', type: 'file', roots: [root], size: 3 },
          { name: '2', type: 'file', roots: [root], size: 3 },
        ],
      },
    ],
  })
})

test('any safe tree comes back as it was written', () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9 ._-]{0,12}$/)
  const paths = fc.uniqueArray(
    fc.array(name, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/')),
    {
      maxLength: 30,
    },
  )
  fc.assert(
    fc.property(paths, (all) => {
      // A name cannot be a file and a folder at once.
      const fine = all.filter((path) => !all.some((other) => other.startsWith(`${path}/`)))
      const files = fine.map((path, i) => ({ path, root: i % 3 ? root : undefined, sizeBytes: i % 3 ? i : 0 }))
      const back = listDirectory(encodeDirectory(makeDirectory('top', files)))
      assert.ok(back.ok)
      const order = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1)
      assert.deepEqual([...back.value.files].sort(order), [...files].sort(order))
    }),
  )
})

test('folders with nothing in them come back, beside files and alone, and are refused where they are unsafe', () => {
  const files = [{ path: 'a/b', root, sizeBytes: 1 }]
  for (const [some, emptyFolders] of [
    [files, ['a/c/d', 'e']],
    [[], ['x']],
    [[], []],
  ] as const) {
    const back = listDirectory(encodeDirectory(makeDirectory('top', some, emptyFolders)))
    assert.ok(back.ok)
    assert.deepEqual([back.value.files, back.value.emptyFolders], [some, emptyFolders])
  }
  for (const path of ['../x', 'a/b', 'a/b/c', ''])
    assert.throws(() => makeDirectory('top', files, [path]), FolderPathError)
  assert.equal(listed([folder('..', [])]).ok, false)
  const many = Array.from({ length: folderFilesMax + 1 }, (_, i) => folder(`${i}`, []))
  assert.equal(listed(many).ok, false)
  assert.ok(startsAsDirectory(encodeDirectory(folder('top', []))))
  assert.ok(!startsAsDirectory(new Uint8Array(40)))
  assert.ok(!startsAsDirectory(new Uint8Array(0)))
})

test('names that leave the folder, links, doubles and parts are refused, wherever they stand', () => {
  const long = 'x'.repeat(256)
  for (const name of ['', '.', '..', '../x', 'a/b', 'a\\b', 'C:x', 'nul\0', 'line\n', long]) {
    for (const entries of [[entry(name)], [entry('fine'), folder('deep', [entry(name)])]]) {
      const verdict = listed(entries)
      assert.equal(verdict.ok ? 'taken' : verdict.code, 'folder-unsafe', JSON.stringify(name))
    }
    assert.equal(codeOf([folder(name, [entry('x')])]), 'folder-unsafe', `folder ${JSON.stringify(name)}`)
  }
  assert.equal(codeOf([entry('link', { type: 'symbolic', link: '/etc/passwd' })]), 'folder-unsafe')
  assert.equal(codeOf([entry('same'), entry('same')]), 'folder-unsafe')
  assert.equal(codeOf([entry('parts', { roots: [root, root] })]), 'folder-unsafe')
  assert.equal(codeOf([entry('rootless', { roots: [] })]), 'folder-unsafe')
  assert.equal(codeOf([entry('size', { sizeBytes: -1 })]), 'folder-unsafe')
  assert.equal(codeOf([entry('fine')]), undefined)
  assert.equal(listDirectory(encodeDirectory(entry('alone'))).ok, false)
  assert.equal(listDirectory(new Uint8Array(40)).ok, false)

  function codeOf(entries: DirectoryNode[]): string | undefined {
    const verdict = listed(entries)
    return verdict.ok ? undefined : verdict.code
  }
})

test('a folder that could not be restored is not stored', () => {
  for (const paths of [
    ['../x'],
    ['a//b'],
    ['a', 'a'],
    ['a', 'a/b'],
    ['a/b', 'a'],
    [''],
    ['/a'],
    [`${'d/'.repeat(60)}x`],
  ])
    assert.throws(
      () =>
        makeDirectory(
          'top',
          paths.map((path) => ({ path, root, sizeBytes: 1 })),
        ),
      FolderPathError,
    )
  const many = Array.from({ length: folderFilesMax + 1 }, (_, i) => ({ path: `${i}`, root, sizeBytes: 1 }))
  assert.throws(() => makeDirectory('top', many), FolderTooLargeError)
})
