/** OpenAI's protocol in front of a model that makes tokens: the repository's own small model, run greedily, stands behind it here. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { AbortedError, type Server } from '@weightless/env'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { loadModel, type Model } from '@weightless/tensor'
import { runText } from './runText.ts'
import { createPool } from './sequencePool.ts'
import { serveModel } from './serveModel.ts'
import type { TokenModel, TokenStep } from './tokenModel.ts'

const contextLength = 200
type Gate = { pass(signal: AbortSignal): Promise<void> }
const never = new AbortController().signal

/** Greedy; of sampling it knows nothing. Notes jobs that begin and end; `gate` is passed before each token. */
function greedyModel(model: Model, log: string[], gate: Gate): TokenModel {
  const pool = createPool([1, 2], 1)
  const argmax = (row: Float32Array) => row.indexOf(row.reduce((a, b) => Math.max(a, b)))
  return {
    ...{ contextLength, concurrent: 2 },
    countTokens: (text) => model.tokenizer.encode(text, { special: false }).length,
    promptTokens: (messages) => model.promptTokens(messages),
    textOf: (tokens) => {
      const decoder = model.tokenizer.createDecoder()
      return tokens.map((token) => decoder.push(token)).join('') + decoder.flush()
    },
    isEnd: (token) => model.tokenizer.isStop(token),
    async *generate(prompt, { topLogprobs }, signal): AsyncGenerator<TokenStep> {
      const place = await (pool.take(signal) ?? Promise.reject(new Error('busy')))
      log.push('begin')
      const session = model.createSession(contextLength)
      try {
        let rows = prompt.map((token) => session.append([token], 0)[0]!).slice(-1)
        for (;;) {
          await gate.pass(signal)
          if (signal.aborted) throw new AbortedError()
          const token = argmax(rows[0]!)
          yield topLogprobs === undefined ? { token } : { token, logprob: -0.5, top: [{ token, logprob: -0.5 }] }
          rows = session.append([token], 0)
        }
      } finally {
        session.close()
        pool.give(place)
        log.push('end')
      }
    },
    close: async () => undefined,
  }
}

describe('a served model', () => {
  const log: string[] = []
  // A real engine works elsewhere; here requests get a turn between two tokens.
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
  const gate: Gate = { pass: turn }
  let env: NodeEnv
  let server: Server
  let tokens: TokenModel
  before(async () => {
    env = createNodeEnv({ dataFolder: '.', log: 'silent' })
    const weights = await readFile(new URL('../../../../vectors/tensor/tiny-random.gguf', import.meta.url))
    tokens = greedyModel(await loadModel(new Uint8Array(weights)), log, gate)
    server = await serveModel({ env, model: tokens, name: 'tiny', key: 'secret' })
  })
  after(async () => {
    await server.close()
    await env.close()
  })

  const post = (path: string, body: unknown, init: RequestInit = {}) =>
    fetch(`${server.url}${path}`, {
      ...{ method: 'POST', headers: { authorization: 'Bearer secret' } },
      ...{ body: typeof body === 'string' ? body : JSON.stringify(body), ...init },
    })
  const ask = { model: 'tiny', prompt: 'Once upon', max_tokens: 6 }
  type Answer = {
    choices: { text: string; finish_reason: string; logprobs: { tokens: string[]; text_offset: number[] } | null }[]
    usage: { prompt_tokens: number; completion_tokens: number }
  }

  test('nobody is served without the key', async () => {
    for (const authorization of ['', 'Bearer', 'Bearer secreT', 'Bearer secret2'])
      assert.equal((await post('/v1/completions', ask, { headers: { authorization } })).status, 401)
    const listed = await fetch(`${server.url}/v1/models`, { headers: { authorization: 'Bearer secret' } })
    const { data } = (await listed.json()) as { data: { id: string; context_length: number }[] }
    assert.deepEqual([data[0]?.id, data[0]?.context_length], ['tiny', contextLength])
  })

  test('whole and streamed answers have the same text and the true usage', async () => {
    const whole = (await (await post('/v1/completions', ask)).json()) as Answer
    assert.equal(whole.choices[0]?.finish_reason, 'length')
    assert.deepEqual(whole.usage, {
      ...{ prompt_tokens: tokens.promptTokens([{ role: 'prompt', content: ask.prompt }]).length },
      ...{ completion_tokens: 6, total_tokens: whole.usage.prompt_tokens + 6 },
    })
    const streaming = { ...ask, stream: true, stream_options: { include_usage: true }, logprobs: 1 }
    const text = await (await post('/v1/completions', streaming)).text()
    const events = text.split('\n\n').filter((line) => line !== '')
    assert.equal(events.at(-1), 'data: [DONE]')
    const chunks = events.slice(0, -1).map((line) => JSON.parse(line.slice(6)) as Answer)
    assert.equal(chunks.map(({ choices }) => choices[0]?.text ?? '').join(''), whole.choices[0]?.text)
    assert.deepEqual(chunks.at(-1)?.usage, whole.usage)
    assert.equal(chunks.flatMap(({ choices }) => choices[0]?.logprobs?.tokens ?? []).length, 6)
    assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, 'length')
  })

  test('a stop text ends the answer and is not in it; a limit beyond the context is the context', async () => {
    const { choices } = (await (await post('/v1/completions', ask)).json()) as Answer
    const stop = choices[0]!.text.slice(3, 5)
    const cut = (await (await post('/v1/completions', { ...ask, stop })).json()) as Answer
    assert.equal(cut.choices[0]?.text, choices[0]!.text.slice(0, choices[0]!.text.indexOf(stop)))
    assert.equal(cut.choices[0]?.finish_reason, 'stop')
    const full = (await (await post('/v1/completions', { ...ask, max_tokens: 10_000 })).json()) as Answer
    assert.ok(full.usage.prompt_tokens + full.usage.completion_tokens <= contextLength)
  })

  test('what cannot be served is refused with its reason', async () => {
    const codeOf = async (path: string, body: unknown) => {
      const response = await post(path, body)
      const { error } = (await response.json()) as { error: { code: string } }
      return [response.status, error.code]
    }
    assert.deepEqual(await codeOf('/v1/completions', '{'), [400, 'invalid_json'])
    assert.deepEqual(await codeOf('/v1/completions', { ...ask, model: 'x' }), [404, 'model_not_found'])
    assert.deepEqual(await codeOf('/v1/completions', { ...ask, prompt: 'word '.repeat(900) }), [
      ...[400, 'context_length_exceeded'],
    ])
    assert.deepEqual(await codeOf('/v1/embeddings', ask), [404, 'not_found'])
    assert.deepEqual(await codeOf('/v1/tokens', {}), [400, 'invalid_request'])
    const counted = (await (await post('/v1/tokens', { text: 'Once upon a time' })).json()) as { tokens: number }
    assert.equal(counted.tokens, tokens.countTokens('Once upon a time'))
  })

  test('a client that leaves ends its job, in a stream and before one', async () => {
    log.length = 0
    const until = async (word: string, count: number) => {
      for (let i = 0; i < 400 && log.filter((each) => each === word).length < count; i++)
        await new Promise((resolve) => setTimeout(resolve, 10))
    }
    // Two tokens each, and the next never comes while the client is there.
    const passed = new Map<AbortSignal, number>()
    gate.pass = async (signal) => {
      const count = (passed.get(signal) ?? 0) + 1
      passed.set(signal, count)
      if (count > 2 && !signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
    }
    const leaving = new AbortController()
    const response = await post('/v1/completions', { ...ask, stream: true }, { signal: leaving.signal })
    await response.body!.getReader().read()
    leaving.abort()
    await until('end', 1)
    const gone = new AbortController()
    const whole = assert.rejects(post('/v1/completions', ask, { signal: gone.signal }))
    await until('begin', 2)
    gone.abort()
    await whole
    await until('end', 2)
    gate.pass = turn
    assert.deepEqual(log, ['begin', 'end', 'begin', 'end'])
  })
})

test('a character that is cut in two is shown once it is whole, and a part at the end as damaged', async () => {
  const bytes = [...Buffer.from('aé€z'), 0xe2]
  const model: TokenModel = {
    ...{ contextLength: 100, concurrent: 1, countTokens: () => 0, promptTokens: () => [0], isEnd: () => false },
    textOf: (tokens) => Buffer.from(tokens).toString('utf8'),
    async *generate() {
      for (const token of bytes) yield { token }
    },
    close: async () => undefined,
  }
  const sampling = {
    ...{ temperature: 0, topP: 1, frequencyPenalty: 0, presencePenalty: 0, bias: new Map(), seed: undefined },
    ...{ json: undefined, topLogprobs: undefined },
  }
  const base = {
    kind: 'chat',
    model: 'm',
    messages: [],
    stream: true,
    includeUsage: false,
    stop: [],
    sampling,
  } as const
  const pieces: string[] = []
  const run = runText(model, { ...base, stop: [], messages: [], maxTokens: undefined }, 1, never)
  let step = await run.next()
  for (; !step.done; step = await run.next()) pieces.push(step.value.text)
  assert.deepEqual(pieces, ['a', 'é', '€', 'z', '\ufffd'])
  assert.deepEqual(step.value, { finishReason: 'stop', promptTokens: 1, outputTokens: bytes.length })
})

test('places go round in order; beyond the bound nobody waits, and who leaves is passed over', async () => {
  const pool = createPool(['a'], 2)
  const leaving = new AbortController()
  const first = await pool.take(never)
  const second = pool.take(leaving.signal)
  const third = pool.take(never)
  assert.equal(pool.take(never), undefined)
  leaving.abort()
  await assert.rejects(second!, AbortedError)
  pool.give(first!)
  assert.equal(await third, 'a')
  pool.give('a')
  assert.equal(await pool.take(never), 'a')
  await assert.rejects(pool.take(leaving.signal)!, AbortedError)
})
