/** A streamed answer over the OpenAI wire as events: the receipt's id first, then text as it is made, then the end. */
import { concatBytes, type Hex, textToBytes, WeightlessError } from '@weightless/codec'
import { readVerificationStatement, type VerificationStatement, verificationHeader } from '@weightless/compute/wire'
import type { FetchResponse } from '@weightless/env'
import type { JsonObject, ReplyOpener } from '@weightless/envelope'
import { readServerEvents } from './readServerEvents.ts'

export type ChatUsage = { promptTokens: number; completionTokens: number }

export type ChatEvent =
  /** Sent before the first token: under this id the receipt can be had when the answer has ended. */
  | { type: 'receipt'; receiptId: string; provider: Hex | undefined; verification?: VerificationStatement }
  | { type: 'text'; text: string }
  | {
      type: 'end'
      finishReason: string
      usage: ChatUsage | undefined
      receiptId: string | undefined
      exchange?: Exchange
    }

/** Bytes of a question and its answer. */
export type Exchange = { request: Uint8Array; response: Uint8Array }

type Chunk = {
  choices?: { delta?: { content?: string | null }; finish_reason?: string | null }[]
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null
  error?: { message?: string }
}

const keptBytesMax = 64 * 1024 * 1024

/** @param reply - opens what was sealed @param keep - the question, where both are kept @throws {AnswerBrokenError} */
export async function* readChatAnswer(
  response: FetchResponse,
  { reply, keep }: { reply?: ReplyOpener | undefined; keep?: string | undefined } = {},
): AsyncGenerator<ChatEvent, void, undefined> {
  const receiptId = response.headers['x-weightless-receipt']
  const provider = response.headers['x-0g-provider-address'] as Hex | undefined
  const verification = readVerificationStatement(response.headers[verificationHeader])
  if (receiptId) yield { type: 'receipt', receiptId, provider, ...(verification && { verification }) }
  let finishReason = 'cancelled'
  let usage: ChatUsage | undefined
  const kept: Uint8Array[] = []
  const body = keep === undefined ? response.body : copyTo(kept, response.body)
  // To its end: what is kept has to be all that was sent.
  for await (const data of readServerEvents(body)) {
    if (data === '[DONE]' && keep === undefined) break
    if (data === '[DONE]') continue
    const chunk = reply ? await openChunk(reply, data) : readChunk(data)
    if (chunk.error) throw new AnswerBrokenError(chunk.error.message)
    const choice = chunk.choices?.[0]
    if (choice?.delta?.content) yield { type: 'text', text: choice.delta.content }
    if (choice?.finish_reason) finishReason = choice.finish_reason
    if (chunk.usage)
      usage = { promptTokens: chunk.usage.prompt_tokens ?? 0, completionTokens: chunk.usage.completion_tokens ?? 0 }
  }
  if (reply && !reply.isWhole()) throw new AnswerBrokenError('The sealed answer was cut off.')
  const exchange = keep !== undefined && { request: textToBytes(keep), response: concatBytes(kept) }
  yield { type: 'end', finishReason, usage, receiptId, ...(exchange && { exchange }) }
}

async function* copyTo(kept: Uint8Array[], body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const piece of body) {
    size += piece.length
    if (size > keptBytesMax) throw new AnswerBrokenError('The answer is too long to be kept.')
    kept.push(piece.slice())
    yield piece
  }
}

/** @throws {AnswerBrokenError} */
async function openChunk(reply: ReplyOpener, data: string): Promise<Chunk> {
  const frame = readChunk(data)
  if (frame.error) return frame
  try {
    return (await reply.open(frame as JsonObject)) as Chunk
  } catch (cause) {
    throw new AnswerBrokenError('A part of the sealed answer is not what was sent.', cause)
  }
}

/** @throws {AnswerBrokenError} */
function readChunk(data: string): Chunk {
  try {
    return JSON.parse(data) as Chunk
  } catch (cause) {
    throw new AnswerBrokenError('An event is not JSON.', cause)
  }
}

export class AnswerBrokenError extends WeightlessError {
  constructor(message: string | undefined, cause?: unknown) {
    super(
      'sdk/answer-broken',
      message ?? 'The provider stopped in the middle of its answer.',
      {},
      {
        hint: 'Ask again; only what arrived is billed.',
        ...(cause !== undefined && { cause }),
      },
    )
  }
}
