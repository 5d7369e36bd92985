/**
 * An answer in one piece. Small ones are looked at before the status line, so that garbage is an HTTP error; of larger ones
 * (images, sound) the last piece waits until the receipt is durable. COMPUTE §11.3
 */
import { bytesToText, concatBytes } from '@weightless/codec'
import { createSha256, sha256 } from '@weightless/crypto'
import type { FetchResponse, HttpResponse } from '@weightless/env'
import type { JsonObject } from '@weightless/envelope'
import { UpstreamFailedError } from '../../engine/engine.ts'
import type { Units } from '../../wire/bodyRequest.ts'
import { ownedBody } from '../../wire/ownedBody.ts'
import { boundSilence } from './boundSilence.ts'
import { finishBody } from './finishBody.ts'
import { headersOf, type Passing, recordTokens } from './passing.ts'
import { type AnswerPart, readPart } from './readAnswer.ts'

const gatheredBytesMax = 1024 * 1024
/** A JSON answer beyond it is not read any more, and billed as if it said nothing of usage. */
const parsedBytesMax = 64 * 1024 * 1024

/** @throws {UpstreamFailedError} */
export async function passWhole(passing: Passing, response: FetchResponse): Promise<HttpResponse> {
  const { context, leaving, leave, job } = passing
  const contentType = response.headers['content-type'] ?? ''
  const isJson = /^application\/json\b/i.test(contentType)
  if (!isExpected(passing, contentType, isJson)) {
    leave()
    throw new UpstreamFailedError({ reason: 'its answer has another content type' })
  }
  const { silenceMsMax, answerBytesMax: bytesMax } = context.limits
  const { clock } = context.env
  const pieces = boundSilence(response, { clock, leaving, silenceMsMax, bytesMax })
  const gathered: Uint8Array[] = []
  let gatheredBytes = 0
  for (;;) {
    const { done, value } = await pieces.next()
    if (done) break
    gathered.push(value)
    gatheredBytes += value.length
    if (gatheredBytes > gatheredBytesMax && !job.sealed) {
      const body = ownedBody(restBody(passing, gathered, pieces, isJson), async () => {
        leave()
        await pieces.return(undefined)
        job.release()
      })
      return { status: 200, headers: headersOf(passing, contentType), body }
    }
  }
  const body = concatBytes(gathered)
  const part = isJson ? parse(body) : undefined
  const sent = job.sealed ? await job.sealed.sealWhole(JSON.parse(bytesToText(body)) as JsonObject) : body
  await record(passing, part, sha256(sent))
  job.release()
  return { status: 200, headers: headersOf(passing, contentType), body: sent }
}

function isExpected({ asked: { path } }: Passing, contentType: string, isJson: boolean): boolean {
  if (path === '/v1/audio/speech') return /^(audio\/|application\/octet-stream)/i.test(contentType)
  if (path === '/v1/audio/transcriptions') return isJson || /^text\//i.test(contentType)
  return isJson
}

async function* restBody(
  passing: Passing,
  gathered: Uint8Array[],
  rest: AsyncGenerator<Uint8Array>,
  isJson: boolean,
): AsyncGenerator<Uint8Array> {
  const { job, leave } = passing
  const hash = createSha256()
  const kept: Uint8Array[] = []
  let keptBytes = 0
  let held: Uint8Array | undefined
  const take = (piece: Uint8Array): Uint8Array | undefined => {
    hash.update(piece)
    if (isJson && keptBytes <= parsedBytesMax) kept.push(piece)
    keptBytes += piece.length
    const before = held
    held = piece
    return before
  }
  try {
    for (const piece of gathered) {
      const before = take(piece)
      if (before) yield before
    }
    for await (const piece of rest) {
      const before = take(piece)
      if (before) yield before
    }
    const isParsed = isJson && keptBytes <= parsedBytesMax
    await record(passing, isParsed ? parse(concatBytes(kept)) : undefined, hash.digest())
    if (held) yield held
  } finally {
    leave()
    await rest.return(undefined)
    job.release()
  }
}

function parse(body: Uint8Array): AnswerPart {
  try {
    return readPart(bytesToText(body))
  } catch (cause) {
    throw new UpstreamFailedError({ reason: 'its answer is not JSON' }, cause)
  }
}

async function record(passing: Passing, part: AnswerPart | undefined, responseSha256: Uint8Array): Promise<void> {
  const { context, job, asked, max, text } = passing
  const end = { responseSha256, finishReason: 'stop' } as const
  if (part?.isError) throw new UpstreamFailedError({ reason: 'its answer is an error' })
  if (asked.service === 'images' || asked.service === 'audio') {
    return finishBody(context, job, { units: otherUnits(passing, part), ...end })
  }
  if (part) text.add(part.text)
  passing.hasLogprobs = part?.hasLogprobs ?? false
  const reported = part?.reported
  // What is embedded makes no tokens, whatever is reported.
  const isEmbedding = max.completionTokens === 0n
  await recordTokens(passing, isEmbedding && reported ? { ...reported, completionTokens: 0 } : reported, end)
}

/** Images as many as came, seconds as many as were told or are likely; never more than was held. */
function otherUnits({ asked, max }: Passing, part: AnswerPart | undefined): Units {
  if (asked.service === 'images') {
    const images = BigInt(part?.images ?? 0)
    return { promptTokens: 0n, completionTokens: images < max.completionTokens ? images : max.completionTokens }
  }
  const told = BigInt(part?.seconds === undefined ? asked.likelySeconds : Math.ceil(part.seconds))
  return { promptTokens: told < max.promptTokens ? told : max.promptTokens, completionTokens: 0n }
}
