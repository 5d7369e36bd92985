/** The embedded engine in its worker: back-pressure, cutting short, several at once, faults. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, before, describe, test } from 'node:test'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { choiceSeed } from '@weightless/receipt'
import {
  type EngineEnd,
  EngineFailedError,
  type EngineJob,
  EngineRefusedError,
  type EngineToken,
  type ExactEngine,
} from './engine.ts'
import { openTensorEngine } from './openTensorEngine.ts'
import { runChoices } from './runChoices.ts'

const weights = readFileSync(new URL('../../../../vectors/tensor/tiny-random.gguf', import.meta.url))
const job: EngineJob = {
  messages: [{ role: 'user', content: 'Hello' }],
  seed: `0x${'0b'.repeat(32)}`,
  sampler: { temperature: 1, topP: 1, maxTokens: 200 },
  stop: [],
  topLogprobs: undefined,
}

let env: NodeEnv
let engine: ExactEngine

describe('the embedded engine', () => {
  before(async () => {
    env = createNodeEnv({ dataFolder: tmpdir(), log: 'silent' })
    engine = await openTensorEngine({ env, name: 'tiny', weights: new Uint8Array(weights), aheadMax: 4 })
  })

  after(async () => {
    await engine.close()
    await env.close()
  })

  async function readAll(tokens: AsyncIterable<EngineToken>): Promise<EngineToken[]> {
    const read: EngineToken[] = []
    for await (const token of tokens) read.push(token)
    return read
  }

  test('a reader that stops reading stops the engine, which still answers others', async () => {
    const run = await engine.start(job)
    const tokens = run.tokens[Symbol.asyncIterator]()
    for (let read = 0; read < 3; read++) await tokens.next()
    assert.equal(await engine.countPrompt(job.messages), run.promptTokens)
    const end = await run.end(3)
    assert.deepEqual([end.finishReason, end.outputTokens.length], ['cancelled', 3])
    // Four that it may run ahead, and the one under way.
    const rest = await readAll({ [Symbol.asyncIterator]: () => tokens })
    assert.ok(rest.length <= 5, `${rest.length} tokens were made for nobody`)
  })

  test('the beginning of an answer is the beginning of its trace and text', async () => {
    const short = { ...job, sampler: { ...job.sampler, maxTokens: 9 } }
    const whole = await engine.start(short)
    const tokens = await readAll(whole.tokens)
    const end = await whole.end()
    assert.deepEqual([end.finishReason, end.outputTokens], ['length', tokens.map(({ token }) => token)])
    const cut = await engine.start(short)
    await readAll(cut.tokens)
    const begun = await cut.end(6)
    assert.deepEqual(begun.outputTokens, end.outputTokens.slice(0, 6))
    assert.ok(end.outputText.startsWith(begun.outputText))
    assert.deepEqual(begun.trace!.slice(12), end.trace!.slice(12, begun.trace!.length))
    assert.notEqual(begun.traceRoot, end.traceRoot)
  })

  test('jobs side by side do not mix', async () => {
    const seeds = ['01', '02', '03'].map((byte) => ({ ...job, seed: `0x${byte.repeat(32)}` as const }))
    const alone: string[] = []
    for (const each of seeds) {
      const run = await engine.start({ ...each, sampler: { ...job.sampler, maxTokens: 8 } })
      await readAll(run.tokens)
      alone.push((await run.end()).outputText)
    }
    const together = await Promise.all(
      seeds.map(async (each) => {
        const run = await engine.start({ ...each, sampler: { ...job.sampler, maxTokens: 8 } })
        await readAll(run.tokens)
        return (await run.end()).outputText
      }),
    )
    assert.deepEqual(together, alone)
  })

  test('eight jobs at once, among them one whose reader rests and one that is cut, give what each gives alone', async () => {
    const jobs = Array.from({ length: 8 }, (_, i) => ({
      ...job,
      messages: [{ role: 'user', content: `${'Tell me more. '.repeat(i)}What is ${i}?` }],
      seed: `0x${(i + 16).toString(16).repeat(32)}` as const,
      sampler: { ...job.sampler, maxTokens: 10 + 4 * i },
    }))
    const finish = async (each: EngineJob, keepTokens?: number) => {
      const run = await engine.start(each)
      await readAll(run.tokens)
      return run.end(keepTokens)
    }
    const alone = []
    for (const [i, each] of jobs.entries()) alone.push(await finish(each, i === 3 ? 5 : undefined))
    const resting = await engine.start({ ...job, sampler: { ...job.sampler, maxTokens: 30 } })
    const together = await Promise.all(jobs.map((each, i) => finish(each, i === 3 ? 5 : undefined)))
    assert.deepEqual(together, alone)
    const cut = await resting.end(2)
    assert.deepEqual([cut.finishReason, cut.outputTokens.length], ['cancelled', 2])
    assert.equal(engine.concurrent, 8)
  })

  test('choices of one request are the answers, traces and roots of jobs of their own', async () => {
    const asked = {
      ...job,
      messages: [{ role: 'user', content: 'Choose. '.repeat(20) }],
      sampler: { ...job.sampler, maxTokens: 9 },
    }
    const alone: EngineEnd[] = []
    for (let choice = 0; choice < 4; choice++) {
      const run = await engine.start({ ...asked, seed: choiceSeed(job.seed, choice) })
      await readAll(run.tokens)
      alone.push(await run.end())
    }
    const run = await runChoices(engine, asked, 4)
    for await (const _ of run.tokens);
    assert.deepEqual(await run.end(), alone)
    assert.equal(new Set(alone.map(({ traceRoot }) => traceRoot)).size, 4)
  })

  test('operators of an answer are listed while others are answered', async () => {
    const short = { ...job, sampler: { ...job.sampler, maxTokens: 6 } }
    const run = await engine.start(short)
    await readAll(run.tokens)
    const end = await run.end()
    const other = await engine.start({ ...job, sampler: { ...job.sampler, maxTokens: 40 } })
    const [trace, tokens] = await Promise.all([engine.traceOperators(short, end), readAll(other.tokens)])
    assert.ok(trace!.length > end.trace!.length)
    assert.equal(tokens.length, 40)
    await other.end()
  })

  test('what the model cannot take is the user’s fault, a broken file the engine’s', async () => {
    const long = { ...job, messages: [{ role: 'user', content: 'x '.repeat(4_000) }] }
    const run = await engine.start(long)
    await assert.rejects(readAll(run.tokens), EngineRefusedError)
    const broken = new Uint8Array(weights.subarray(0, 5_000))
    await assert.rejects(openTensorEngine({ env, name: 'broken', weights: broken }), EngineFailedError)
  })
})
