/**
 * The exact engine behind the seam of upstreams: for requests whose receipt is about bytes, because nobody but user and
 * provider may know what was asked. Spec: COMPUTE §11.6
 */
import { bytesToHex, bytesToText, concatBytes, textToBytes } from '@weightless/codec'
import type { Env, FetchResponse } from '@weightless/env'
import { seedOf } from '@weightless/receipt'
import { type AnswerWriter, type TokenLogprobs, wireLogprob } from '../provider/writeAnswer.ts'
import { writeChat } from '../provider/writeChat.ts'
import { errorBody } from '../wire/apiError.ts'
import { type ChatRequest, readChatRequest } from '../wire/chatRequest.ts'
import { choicesOfRequest, hashChatRequest, samplerOf } from '../wire/commitRequest.ts'
import { parseJson } from '../wire/parseJson.ts'
import type { ExactEngine, UpstreamEngine } from './engine.ts'
import { type ChoicesRun, runChoices } from './runChoices.ts'

export function exactAsUpstream(engine: ExactEngine, { clock, random }: Pick<Env, 'clock' | 'random'>): UpstreamEngine {
  return {
    kind: 'upstream',
    model: engine.model,
    fingerprint: undefined,
    upstreamModel: engine.model.name,
    services: ['chat'],
    countTokens: undefined,
    async ask(ask) {
      const read = readChatRequest(parseJson(ask.body))
      if (!read.ok) return whole(400, errorBody(read.error!))
      const request = { ...read.value, includeUsage: true }
      const run = await start(engine, request, random)
      ask.signal.addEventListener('abort', () => void run.stop(), { once: true })
      const id = `chatcmpl-${bytesToHex(random.bytes(16)).slice(2)}`
      const createdSeconds = Math.floor(clock.nowMs() / 1000)
      const writer = writeChat({ engine }, { id, createdSeconds, request })
      return request.stream ? streamed(eventsOf(run, writer)) : whole(200, await wholeOf(run, writer))
    },
    awayForSeconds: () => undefined,
    close: async () => undefined,
  }
}

function start(engine: ExactEngine, request: ChatRequest, random: Env['random']): Promise<ChoicesRun> {
  const { messages, stop, shape, maxTokens = 1_024, seed } = request
  const source =
    seed === undefined
      ? ({ kind: 'nonce', nonce: bytesToHex(random.bytes(32)) } as const)
      : ({ kind: 'seed', value: seed } as const)
  const sampler = samplerOf(request, maxTokens)
  const job = { messages, stop, shape, sampler, seed: seedOf(source, hashChatRequest(request, maxTokens)) }
  const topLogprobs = request.logprobs ? request.topLogprobs : undefined
  return runChoices(engine, { ...job, topLogprobs }, choicesOfRequest(request))
}

const noLogprobs = (run: ChoicesRun): TokenLogprobs[] => Array.from({ length: run.count }, () => [])

async function wholeOf(run: ChoicesRun, writer: AnswerWriter): Promise<object> {
  const logprobs = noLogprobs(run)
  for await (const { choice, logprob } of run.tokens) if (logprob) logprobs[choice]!.push(wireLogprob(logprob))
  return writer.whole(await run.end(), logprobs) as object
}

async function* eventsOf(run: ChoicesRun, writer: AnswerWriter): AsyncGenerator<Uint8Array> {
  const sent = Array.from({ length: run.count }, () => '')
  const logprobs = noLogprobs(run)
  yield textToBytes(writer.begin())
  for await (const { choice, text, logprob } of run.tokens) {
    if (logprob) logprobs[choice]!.push(wireLogprob(logprob))
    if (text === '') continue
    sent[choice] += text
    yield textToBytes(writer.piece(choice, text, logprobs[choice]!.splice(0)))
  }
  const ends = await run.end()
  const rests = ends.map(({ outputText }, choice) => outputText.slice(sent[choice]!.length))
  yield textToBytes(writer.finish(ends, rests, logprobs))
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
