/**
 * The exact engine behind the seam of upstreams: for requests whose receipt is about bytes, because nobody but user and
 * provider may know what was asked. Spec: COMPUTE §11.6
 */
import { bytesToHex, bytesToText, concatBytes, textToBytes } from '@weightless/codec'
import type { Env, FetchResponse } from '@weightless/env'
import { requestHash, samplerHash, seedOf } from '@weightless/receipt'
import { errorBody } from '../wire/apiError.ts'
import { sseDone, sseEvent, usageOf } from '../wire/chatAnswer.ts'
import { type ChatRequest, readChatRequest } from '../wire/chatRequest.ts'
import type { EngineRun, ExactEngine, UpstreamAsk, UpstreamEngine } from './engine.ts'

export function exactAsUpstream(engine: ExactEngine, { clock, random }: Pick<Env, 'clock' | 'random'>): UpstreamEngine {
  return {
    kind: 'upstream',
    model: engine.model,
    upstreamModel: engine.model.name,
    services: ['chat'],
    countTokens: undefined,
    async ask(ask) {
      const read = readChatRequest(parse(ask.body))
      if (!read.ok) return whole(400, errorBody(read.error!))
      const run = await start(engine, read.value, random)
      const leave = () => void run.end(0).catch(() => undefined)
      ask.signal.addEventListener('abort', leave, { once: true })
      const head = { created: Math.floor(clock.nowMs() / 1000), model: engine.model.name }
      const id = `chatcmpl-${bytesToHex(random.bytes(16)).slice(2)}`
      return read.value.stream
        ? streamed(chunksOf(run, { id, object: 'chat.completion.chunk', ...head }))
        : whole(200, await completionOf(run, { id, object: 'chat.completion', ...head }))
    },
    awayForSeconds: () => undefined,
    close: async () => undefined,
  }
}

function start(engine: ExactEngine, request: ChatRequest, random: Env['random']): Promise<EngineRun> {
  const { messages, stop, temperature, topP, maxTokens = 1_024, seed } = request
  const sampler = { temperature, topP, maxTokens }
  const source =
    seed === undefined
      ? ({ kind: 'nonce', nonce: bytesToHex(random.bytes(32)) } as const)
      : ({ kind: 'seed', value: seed } as const)
  const hash = requestHash(messages, stop, samplerHash(sampler))
  return engine.start({ messages, stop, sampler, seed: seedOf(source, hash), topLogprobs: undefined })
}

async function completionOf(run: EngineRun, head: object): Promise<object> {
  for await (const _ of run.tokens);
  const end = await run.end()
  const message = { role: 'assistant', content: end.outputText, refusal: null }
  const finish_reason = end.finishReason === 'length' ? 'length' : 'stop'
  return {
    ...head,
    choices: [{ index: 0, message, logprobs: null, finish_reason }],
    usage: usageOf(end.promptTokens, end.outputTokens.length),
  }
}

async function* chunksOf(run: EngineRun, head: object): AsyncGenerator<Uint8Array> {
  const chunk = (delta: object, finish_reason: string | null = null) =>
    textToBytes(sseEvent({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason }] }))
  yield chunk({ role: 'assistant', content: '' })
  let sent = ''
  for await (const { text } of run.tokens) {
    if (text === '') continue
    sent += text
    yield chunk({ content: text })
  }
  const end = await run.end()
  const rest = end.outputText.slice(sent.length)
  if (rest !== '') yield chunk({ content: rest })
  yield chunk({}, end.finishReason === 'length' ? 'length' : 'stop')
  const usage = usageOf(end.promptTokens, end.outputTokens.length)
  yield textToBytes(sseEvent({ ...head, choices: [], usage }))
  yield textToBytes(sseDone)
}

function whole(status: number, json: object): FetchResponse {
  return responseOf(status, 'application/json', [textToBytes(JSON.stringify(json))])
}

function streamed(chunks: AsyncIterable<Uint8Array>): FetchResponse {
  return responseOf(200, 'text/event-stream', chunks)
}

function responseOf(
  status: number,
  contentType: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): FetchResponse {
  const body = {
    async *[Symbol.asyncIterator]() {
      yield* pieces
    },
  }
  const bytes = async () => concatBytes(await Array.fromAsync(body))
  const text = async () => bytesToText(await bytes())
  const json = async () => JSON.parse(await text()) as unknown
  return { status, headers: { 'content-type': contentType }, body, bytes, text, json, isSent: () => true }
}

function parse(body: UpstreamAsk['body']): unknown {
  try {
    return JSON.parse(bytesToText(body))
  } catch {
    // Not JSON: the schema refuses it.
    return undefined
  }
}
