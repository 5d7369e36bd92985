/** A running job as an HTTP answer, whole or streamed; a client that leaves pays what it was sent and no more. COMPUTE §5 */
import { textToBytes } from '@weightless/codec'
import { createSha256, sha256 } from '@weightless/crypto'
import type { HttpResponse } from '@weightless/env'
import type { ChoiceToken } from '../engine/runChoices.ts'
import { type Logprobs, sseEvent } from '../wire/chatAnswer.ts'
import { ownedBody } from '../wire/ownedBody.ts'
import { receiptHeader } from '../wire/payment.ts'
import { acceptanceHeaders, endInTime } from './acceptJob.ts'
import { finishJob } from './finishJob.ts'
import type { Job } from './openJob.ts'
import type { ProviderContext } from './providerContext.ts'
import { type AnswerWriter, wireLogprob } from './writeAnswer.ts'

type Answering = { context: ProviderContext; job: Job; writer: AnswerWriter; requestSha256: Uint8Array }

/** The whole answer at once. If the client leaves before it has anything, nothing is billed. */
export async function answerWhole(answering: Answering, signal: AbortSignal): Promise<HttpResponse> {
  const { context, job, writer, requestSha256 } = answering
  const leave = stopWhenLeft(job, signal)
  try {
    const logprobs = perChoice(job, (): Logprobs['content'] => [])
    let hasBegun = false
    for await (const { choice, logprob } of job.run.tokens) {
      if (!hasBegun) context.timings.began(job.turnAtMs)
      hasBegun = true
      if (logprob) logprobs[choice]!.push(wireLogprob(logprob))
    }
    leave()
    if (signal.aborted) return clientLeft
    const ends = await job.run.end()
    const body = textToBytes(JSON.stringify(writer.whole(ends, logprobs)))
    await finishJob(context, job, ends, { requestSha256, responseSha256: sha256(body) })
    return { status: 200, headers: headersOf(job, 'application/json'), body }
  } finally {
    leave()
    job.release()
  }
}

/**
 * Server-sent events. The first token is awaited before the status line, so that a failing engine is an HTTP error and a
 * gateway can still go elsewhere.
 */
export async function answerStream(answering: Answering, signal: AbortSignal): Promise<HttpResponse> {
  const { context, job } = answering
  const tokens = job.run.tokens[Symbol.asyncIterator]()
  const leave = stopWhenLeft(job, signal)
  try {
    const first = await tokens.next()
    leave()
    if (signal.aborted) {
      job.release()
      return clientLeft
    }
    context.timings.began(job.turnAtMs)
    const headers = { ...headersOf(job, 'text/event-stream; charset=utf-8'), 'cache-control': 'no-cache' }
    const body = ownedBody(endInTime(streamBody(answering, first, tokens), job, context.env.clock), async () => {
      job.release()
      await job.run.stop()
    })
    return { status: 200, headers, body }
  } catch (fault) {
    leave()
    job.release()
    throw fault
  }
}

/** As other servers log it; nobody is there to read it. */
const clientLeft: HttpResponse = { status: 499 }

/** Stops the engine when the client goes before it was sent anything; the result ends the watch. */
function stopWhenLeft(job: Job, signal: AbortSignal): () => void {
  const stop = () => void job.run.stop()
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  return () => signal.removeEventListener('abort', stop)
}

async function* streamBody(
  answering: Answering,
  first: IteratorResult<ChoiceToken>,
  tokens: AsyncIterator<ChoiceToken>,
): AsyncGenerator<string> {
  const { context, job, writer, requestSha256 } = answering
  const hash = createSha256()
  const hashed = (event: string): string => {
    hash.update(textToBytes(event))
    return event
  }
  const emittedTokens = perChoice(job, () => 0)
  const emittedText = perChoice(job, () => '')
  const logprobs = perChoice(job, (): Logprobs['content'] => [])
  let finished = false
  try {
    yield hashed(writer.begin())
    for (let step = first; !step.done; step = await tokens.next()) {
      const { choice, text, logprob } = step.value
      emittedTokens[choice]!++
      emittedText[choice] += text
      if (logprob) logprobs[choice]!.push(wireLogprob(logprob))
      if (text === '') continue
      yield hashed(writer.piece(choice, text, logprobs[choice]!.splice(0)))
    }
    const ends = await job.run.end()
    const rests = ends.map(({ outputText }, choice) => outputText.slice(emittedText[choice]!.length))
    const tail = writer.finish(ends, rests, logprobs)
    hashed(tail)
    await finishJob(context, job, ends, { requestSha256, responseSha256: hash.digest() })
    finished = true
    yield tail
  } catch (fault) {
    finished = true
    context.env.log.error('job failed while streaming', { jobId: job.id, reason: String(fault) })
    await job.run.stop()
    yield sseEvent({
      error: { message: 'The engine failed.', type: 'server_error', param: null, code: 'server_error' },
    })
  } finally {
    if (!finished) await recordCancelled(answering, emittedTokens, hash.digest())
    job.release()
  }
}

/** The client left: the receipt says so and bills the tokens that were on their way to it. */
async function recordCancelled(
  { context, job, requestSha256 }: Answering,
  emitted: readonly number[],
  responseSha256: Uint8Array,
) {
  try {
    const ends = await job.run.end(emitted)
    if (emitted.some((count) => count > 0)) await finishJob(context, job, ends, { requestSha256, responseSha256 })
    context.env.log.info('job cancelled', { jobId: job.id, emitted: emitted.join() })
  } catch (fault) {
    context.env.log.error('cancelled job not recorded', { jobId: job.id, reason: String(fault) })
  }
}

function perChoice<T>(job: Job, make: () => T): T[] {
  return Array.from({ length: job.run.count }, make)
}

function headersOf(job: Job, contentType: string): Record<string, string> {
  const ids = { [receiptHeader]: job.id, 'zg-res-key': job.id, 'x-request-id': job.id }
  return { 'content-type': contentType, ...ids, ...acceptanceHeaders(job) }
}
