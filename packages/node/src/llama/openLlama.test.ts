/**
 * The process that runs llama.cpp, its crashes included. In the place of the library, which is installed on demand, stands
 * one of a few lines with the same interface; the real one is driven by `peers/engines`.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import { UpstreamFailedError } from '@weightless/compute'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { ProcessFailedError } from '../devnet/superviseProcess.ts'
import { GgufFileError, openLlama } from './openLlama.ts'

/** Says the prompt backwards, a byte a token; `!` in a prompt ends the process in the middle of the answer. */
const library = `
export class LlamaGrammarEvaluationState {}
export class TokenBias { set() {} }
export async function getLlama() {
  return { gpu: false, cpuMathCores: 1, dispose: async () => {}, loadModel: async ({ modelPath }) => {
    if (modelPath.endsWith('bad.gguf')) throw new Error('not a GGUF')
    return {
      trainContextSize: 64, tokenizer: {}, tokens: { bos: null, eos: null, shouldPrependBosToken: false },
      fileInfo: { metadata: { general: { architecture: 'echo' }, tokenizer: { ggml: { tokens: Array(256) } } } },
      tokenize: (text) => [...Buffer.from(text)],
      detokenize: (tokens) => Buffer.from(tokens).toString('utf8'),
      isEogToken: (token) => token === 0,
      createContext: async ({ contextSize }) => ({ contextSize, getSequence: () => ({
        clearHistory: async () => {},
        evaluateWithoutGeneratingNewTokens: async () => {},
        async *evaluateWithMetadata(tokens) {
          for (const token of [...tokens].reverse()) {
            await new Promise((resolve) => setTimeout(resolve, 5))
            if (token === 33) process.kill(process.pid, 'SIGSEGV')
            yield { token }
          }
          yield { token: 0 }
        },
      }) }),
    }
  } }
}
`

describe('a process of llama.cpp', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weightless-llama-'))
  const good = join(folder, 'good.gguf')
  let env: NodeEnv
  before(() => {
    const place = join(folder, 'node_modules', 'node-llama-cpp')
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'package.json'), '{"name":"node-llama-cpp","type":"module","exports":"./index.js"}')
    writeFileSync(join(place, 'index.js'), library)
    for (const name of ['good.gguf', 'bad.gguf']) writeFileSync(join(folder, name), 'GGUF')
    env = createNodeEnv({ dataFolder: folder, log: 'silent' })
  })
  after(async () => {
    await env.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const open = (file: string) => openLlama(env, { engineFolder: folder, file, name: 'echo', parallel: 2, gpu: false })
  type Engine = Awaited<ReturnType<typeof open>>
  const ask = async (engine: Engine, prompt: string) => {
    const body = textToBytes(JSON.stringify({ model: 'echo', prompt, max_tokens: 50 }))
    const { signal } = new AbortController()
    const response = await engine.ask({ path: '/v1/completions', contentType: 'application/json', body, signal })
    return (await response.json()) as { choices: { text: string }[]; usage: { completion_tokens: number } }
  }

  test('a file that is not there, and one that cannot be loaded, are named', async () => {
    await assert.rejects(open(join(folder, 'none.gguf')), GgufFileError)
    await assert.rejects(open(join(folder, 'bad.gguf')), (fault) => {
      return fault instanceof ProcessFailedError && /not a GGUF/.test(String(fault.facts.reason))
    })
  })

  test('answers and counts; after a crash in the middle of an answer it is away, then serves again', async () => {
    const engine = await open(good)
    try {
      assert.deepEqual([engine.kind, engine.model.contextLength, engine.model.check], ['upstream', 64, 0])
      const { choices, usage } = await ask(engine, 'abc')
      assert.deepEqual([choices[0]?.text, usage.completion_tokens], ['cba', 4])
      assert.equal(await engine.countTokens!('abcd'), 4)
      await assert.rejects(ask(engine, '!xy'), UpstreamFailedError)
      let wasAway = false
      for (let i = 0; i < 1_000 && !(wasAway && engine.awayForSeconds() === undefined); i++) {
        wasAway ||= engine.awayForSeconds() !== undefined
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      assert.ok(wasAway)
      assert.equal((await ask(engine, 'again')).choices[0]?.text, 'niaga')
    } finally {
      await engine.close()
    }
    await assert.rejects(ask(engine, 'abc'), UpstreamFailedError)
  })
})
