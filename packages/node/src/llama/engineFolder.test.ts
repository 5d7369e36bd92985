/** Adding an engine: what is pinned for which machine, what npm is told, and that nothing half installed is taken for one. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import {
  addEngine,
  EngineInstallError,
  EngineMissingError,
  EngineNotRunningError,
  engineFolder,
  listEngines,
  removeEngine,
  requireEngine,
} from './engineFolder.ts'
import { EnginePlatformError, planEngine } from './planEngine.ts'

const linux = { platform: 'linux', arch: 'x64', libc: 'glibc' } as const

describe('the packages of an engine', () => {
  test('the lock pins all by hash on Linux, names no host, and needs the binaries of this machine alone', () => {
    const plan = planEngine(linux, 'none')
    assert.deepEqual(plan.packages, ['@node-llama-cpp/linux-x64'])
    const { packages } = JSON.parse(plan.lockFile) as { packages: Record<string, Record<string, unknown>> }
    assert.ok(!plan.lockFile.includes('"resolved"'))
    const needed = Object.entries(packages).filter(([path, entry]) => path !== '' && !entry.optional)
    assert.ok(needed.length > 50)
    for (const [path, { integrity }] of needed) assert.match(String(integrity), /^sha512-/, path)
    assert.equal(packages['node_modules/@node-llama-cpp/linux-x64']?.optional, undefined)
    assert.equal(packages['node_modules/@node-llama-cpp/linux-arm64']?.optional, true)
    assert.deepEqual(packages['']?.dependencies, JSON.parse(plan.packageFile).dependencies)
    assert.equal(JSON.parse(plan.packageFile).dependencies['@node-llama-cpp/linux-x64'], plan.version)
  })

  test('a GPU brings its binaries; where nothing is built, that is said', () => {
    assert.equal(planEngine(linux, 'cuda').packages.length, 3)
    assert.deepEqual(planEngine({ ...linux, platform: 'darwin', arch: 'arm64', libc: undefined }, 'none').packages, [
      '@node-llama-cpp/mac-arm64-metal',
    ])
    const refused = [
      [{ ...linux, libc: 'other' }, 'none'],
      [{ ...linux, arch: 'riscv64' }, 'none'],
      [{ ...linux, platform: 'freebsd' }, 'none'],
      [{ ...linux, arch: 'arm64' }, 'cuda'],
    ] as const
    for (const [machine, gpu] of refused) assert.throws(() => planEngine(machine, gpu), EnginePlatformError)
  })
})

describe('an engine in the data directory', { skip: process.platform === 'win32' }, () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'weightless engine '))
  after(() => rmSync(dataFolder, { recursive: true, force: true }))

  /** A command in the place of npm, which writes down its words and installs what the body says. */
  function commandOf(name: string, body: string): string {
    const path = join(dataFolder, name)
    writeFileSync(path, `#!/bin/sh\necho "$@" > words\n${body}\n`)
    chmodSync(path, 0o755)
    return path
  }

  function installing(version: string, runs = true): string {
    const packages = ['node-llama-cpp', ...planEngine(linux, 'none').packages]
    const lines = packages.map(
      (name) =>
        `mkdir -p node_modules/${name} && echo '{"version":"${version}","exports":"./index.mjs"}' > node_modules/${name}/package.json`,
    )
    // What is tried after it; the real library is `peers/engines`.
    const library = 'export const getLlama = async () => ({ gpu: false, cpuMathCores: 3, dispose: async () => {} })'
    lines.push(`echo '${runs ? library : 'process.abort()'}' > node_modules/node-llama-cpp/index.mjs`)
    return lines.join('\n')
  }

  const add = (npm: string) => addEngine({ dataFolder, name: 'llama', gpu: 'none', npm })
  const isHere = process.platform === 'linux' && process.arch === 'x64'

  test('a failing, absent or lying npm leaves nothing behind', { skip: !isHere }, async () => {
    const failing = commandOf('failing', 'echo "no such registry" >&2; exit 7')
    await assert.rejects(add(failing), (fault) => {
      return fault instanceof EngineInstallError && /no such registry/.test(String(fault.facts.reason))
    })
    await assert.rejects(add(join(dataFolder, 'nowhere')), EngineInstallError)
    await assert.rejects(add(commandOf('other', installing('0.0.1'))), /is 0\.0\.1 after it/)
    assert.deepEqual(readdirSync(join(dataFolder, 'engines')), [])
    assert.deepEqual(listEngines(dataFolder), [])
    assert.throws(() => requireEngine(dataFolder, 'llama'), EngineMissingError)
  })

  test('is installed from the lock without scripts, listed, replaced only by a whole one, removed', {
    skip: !isHere,
  }, async () => {
    const { version } = planEngine(linux, 'none')
    const added = await add(commandOf('good', installing(version)))
    const { found, ...installed } = added
    assert.deepEqual(found, { gpu: false, cores: 3 })
    assert.deepEqual(listEngines(dataFolder), [installed])
    assert.equal(requireEngine(dataFolder, 'llama').folder, engineFolder(dataFolder, 'llama'))
    assert.match(readFileSync(join(added.folder, 'words'), 'utf8'), /^ci --ignore-scripts --omit=optional/)
    await assert.rejects(add(commandOf('failing', 'exit 1')), EngineInstallError)
    await assert.rejects(add(commandOf('crashing', installing(version, false))), EngineNotRunningError)
    assert.deepEqual(listEngines(dataFolder), [installed])
    rmSync(join(added.folder, 'node_modules'), { recursive: true })
    assert.deepEqual(listEngines(dataFolder), [])
    assert.equal(removeEngine(dataFolder, 'llama'), true)
    assert.equal(removeEngine(dataFolder, 'llama'), false)
    assert.equal(existsSync(added.folder), false)
  })
})
