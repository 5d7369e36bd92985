/** The flags of a model that a provider runs itself: which go together, and what is said where something is missing. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { EngineMissingError, engineFolder } from '@weightless/node/llama/engineFolder'
import { Command } from 'commander'
import { addLocalModelFlags, LocalModelError, type LocalModelFlags, readLocalModel } from './localModel.ts'

describe('a model of the provider’s own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weightless-local-model-'))
  const file = join(folder, 'model.gguf')
  before(() => writeFileSync(file, 'GGUF'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  function read(...words: string[]) {
    const command = addLocalModelFlags(new Command().exitOverride().configureOutput({ writeErr: () => undefined }))
    command.option('--context <n>', '', Number).parse(words, { from: 'user' })
    return readLocalModel(command.opts<LocalModelFlags>(), folder, command)
  }

  test('without a file the other flags are refused; with one the exact engine is the default', async () => {
    assert.equal(await read(), undefined)
    for (const words of [
      ['--engine', 'llama'],
      ['--parallel', '2'],
      ['--threads', '1'],
    ])
      await assert.rejects(read(...words), LocalModelError)
    assert.deepEqual(await read('--gguf', file), { weightsFile: file })
    await assert.rejects(read('--gguf', file, '--parallel', '2'), LocalModelError)
    await assert.rejects(read('--gguf', join(folder, 'none.gguf')), LocalModelError)
    await assert.rejects(async () => read('--gguf', file, '--engine', 'other'), /choices/i)
    await assert.rejects(async () => read('--gguf', file, '--engine', 'llama', '--parallel', '0'), /1 to 64/)
  })

  test('llama is asked for where it was added, with what the machine is to give', async () => {
    await assert.rejects(read('--gguf', file, '--engine', 'llama'), EngineMissingError)
    const place = engineFolder(folder, 'llama')
    const write = (path: string, value: object) => {
      mkdirSync(join(place, path, '..'), { recursive: true })
      writeFileSync(join(place, path), JSON.stringify(value))
    }
    write('node_modules/node-llama-cpp/package.json', { version: '3.22.1' })
    write('engine.json', { version: '3.22.1', gpu: 'none', packages: ['@node-llama-cpp/linux-x64'] })
    const base = { gguf: file, engineFolder: place }
    assert.deepEqual(await read('--gguf', file, '--engine', 'llama'), { ...base, parallel: 4, gpu: false })
    write('engine.json', { version: '3.22.1', gpu: 'cuda', packages: ['@node-llama-cpp/linux-x64-cuda'] })
    const given = ['--gguf', file, '--engine', 'llama', '--parallel', '8', '--threads', '2', '--context', '4096']
    const all = { ...base, parallel: 8, threads: 2, contextLength: 4_096 }
    assert.deepEqual(await read(...given), { ...all, gpu: true })
    assert.deepEqual(await read(...given, '--no-gpu'), { ...all, gpu: false })
  })
})
