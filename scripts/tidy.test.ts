import assert from 'node:assert/strict'
import { test } from 'node:test'
import { completeLock } from './completeLock.ts'
import { findCircles } from './tidyCircles.ts'
import type { Package } from './tidyLayers.ts'
import { blankOut, checkFile, findImports } from './tidyRules.ts'

const packages: Package[] = [
  { name: '@weightless/codec', folder: 'packages/codec', layer: 0, dependencies: [] },
  { name: '@weightless/env', folder: 'packages/env', layer: 1, dependencies: ['@weightless/codec'] },
  {
    name: '@weightless/store',
    folder: 'packages/store',
    layer: 2,
    dependencies: ['@weightless/codec', '@weightless/env'],
  },
  {
    name: '@weightless/chain',
    folder: 'packages/chain',
    layer: 3,
    dependencies: ['@weightless/storage', '@weightless/store'],
  },
  {
    name: '@weightless/storage',
    folder: 'packages/storage',
    layer: 3,
    dependencies: ['@weightless/store', '@weightless/env'],
  },
  { name: '@weightless/sdk', folder: 'packages/sdk', layer: 4, dependencies: ['@weightless/storage'] },
]

function rulesOf(path: string, body: string): string[] {
  const owner = packages.find(({ folder }) => path.startsWith(folder))
  return checkFile({ path, text: `/** Idea. */\n${body}\n` }, owner, packages).map(({ rule }) => rule)
}

test('an import goes down a layer, is declared, and leaves services alone', () => {
  assert.deepEqual(rulesOf('packages/store/src/a.ts', "import { x } from '@weightless/env'"), [])
  assert.deepEqual(rulesOf('packages/chain/src/a.ts', "import { x } from '@weightless/storage'"), ['layers'])
  assert.deepEqual(rulesOf('packages/chain/src/a.ts', "import { x } from '@weightless/storage/wire'"), [])
  assert.deepEqual(rulesOf('packages/sdk/src/a.ts', "import {\n  x,\n} from '@weightless/storage'"), ['layers'])
  assert.deepEqual(rulesOf('packages/sdk/src/a.ts', "export * from '@weightless/storage/wire'"), [])
  assert.deepEqual(rulesOf('packages/storage/src/a.ts', "import viem from 'viem/actions'"), ['undeclared import'])
  assert.deepEqual(rulesOf('packages/codec/src/a.ts', "import { join } from 'node:path'"), ['layer 0'])
  assert.deepEqual(rulesOf('packages/store/src/a.ts', "const fs = await import('node:fs/promises')"), ['outside world'])
})

test('the outside world is banned outside its adapters, in code and nowhere else', () => {
  const bodies = [
    'Date.now()',
    'Math.random()',
    'setTimeout(f, 1)',
    'await fetch(u)',
    'process.env.X',
    'new Worker(u)',
    'console.log(1)',
  ]
  for (const body of bodies) {
    assert.equal(rulesOf('packages/store/src/a.ts', `const x = ${body}`).length, 1, body)
    assert.deepEqual(rulesOf('packages/env/src/node/a.ts', `const x = ${body}`), [])
    assert.deepEqual(rulesOf('packages/store/src/a.test.ts', `const x = ${body}`), [])
    assert.deepEqual(rulesOf('packages/store/src/a.ts', `// ${body}\n/* ${body} */ const x = '${body}'`), [])
  }
  assert.deepEqual(rulesOf('packages/store/src/a.ts', 'await env.network.fetch(u)'), [])
})

test('house style: length, names, opening, any, second codec and hash', () => {
  assert.deepEqual(rulesOf('packages/store/src/a.ts', 'x\n'.repeat(400)), ['file length'])
  assert.deepEqual(rulesOf('packages/store/src/utils.ts', ''), ['vague name'])
  assert.deepEqual(rulesOf('packages/store/src/diskHelpers.ts', ''), ['vague name'])
  assert.deepEqual(rulesOf('packages/store/src/a.ts', 'const x: any = 1'), ['any'])
  assert.deepEqual(rulesOf('packages/chain/src/a.ts', 'new DataView(b)'), ['second codec'])
  assert.deepEqual(rulesOf('packages/chain/src/a.ts', "createHash('sha256')"), ['second hash'])
  assert.deepEqual(rulesOf('packages/chain/src/a.ts', 'try { f() } catch {}'), ['swallowed error'])
  const unopened = checkFile({ path: 'packages/store/src/a.ts', text: 'export const x = 1\n' }, packages[2], packages)
  assert.deepEqual(
    unopened.map(({ rule }) => rule),
    ['opening sentence'],
  )
})

test('imports and blanks are found where they are', () => {
  const text =
    "import a from 'a'\nimport {\n  b,\n} from \"b\"\nimport 'c'\nexport { d } from 'd'\nconst e = await import('e')\n"
  assert.deepEqual(
    findImports(text).map(({ line, specifier }) => `${line}${specifier}`),
    ['1a', '4b', '5c', '6d', '7e'],
  )
  const source = "a('x // y') // z\nb(/'/, `q\nc`)"
  assert.equal(blankOut(source).split('\n').length, 3)
  assert.match(blankOut(source), /^a\( +\) +\nb\( {3}, +\n {2}\)$/)
})

test('a lock that npm left incomplete gets the platform packages back', () => {
  const lock = {
    packages: {
      'node_modules/a': {
        dev: true,
        optionalDependencies: { '@a/cli-linux-arm64-musl': '1.0.0', '@a/cli-darwin-x64': '1.0.0', other: '2' },
      },
      'node_modules/@a/cli-darwin-x64': { version: '1.0.0' },
    },
  }
  assert.deepEqual(completeLock(lock), ['@a/cli-linux-arm64-musl'])
  assert.deepEqual(lock.packages['node_modules/@a/cli-linux-arm64-musl' as 'node_modules/a'], {
    version: '1.0.0',
    os: ['linux'],
    cpu: ['arm64'],
    libc: ['musl'],
    dev: true,
    optional: true,
  })
  assert.deepEqual(completeLock(lock), [])
})

test('a hook of a test file stands inside a suite', () => {
  assert.deepEqual(rulesOf('packages/store/src/a.test.ts', 'before(open)'), ['hook of everybody'])
  assert.deepEqual(rulesOf('packages/store/src/a.test.ts', "describe('a', () => {\n  beforeEach(open)\n})"), [])
})

test('files that need each other are found, by however many steps and by types alone', () => {
  const files = [
    { path: 'a/one.ts', text: "import { two } from './two.ts'\nimport { far } from '../b/far.ts'" },
    { path: 'a/two.ts', text: "import type { Three } from './three.ts'" },
    { path: 'a/three.ts', text: "\nexport { one } from './one.ts'" },
    { path: 'b/far.ts', text: "import 'node:fs'" },
  ]
  assert.deepEqual(
    findCircles(files).map(({ path, line, advice }) => `${path}:${line} ${advice.split(':')[0]}`),
    ['a/three.ts:2 a/one.ts → a/two.ts → a/three.ts → a/one.ts'],
  )
  assert.deepEqual(findCircles(files.slice(1)), [])
})
