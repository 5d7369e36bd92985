/** Events of the upstream, each on its way to the client as soon as it is here, and no faster than the client takes it. COMPUTE §11.3 */
import { concatBytes, textToBytes } from '@weightless/codec'
import { createSha256 } from '@weightless/crypto'
import type { FetchResponse, HttpResponse } from '@weightless/env'
import type { JsonObject } from '@weightless/envelope'
import type { BodyFinish } from '@weightless/receipt'
import { UpstreamFailedError } from '../../engine/engine.ts'
import { sseEvent } from '../../wire/chatAnswer.ts'
import { ownedBody } from '../../wire/ownedBody.ts'
import { endInTime } from '../acceptJob.ts'
import { boundSilence } from './boundSilence.ts'
import { headersOf, type Passing, recordTokens } from './passing.ts'
import { type AnswerPart, type Reported, readPart } from './readAnswer.ts'
import { type PassedEvent, readEvents } from './readEvents.ts'

/** The first event is awaited before the status line, so that an upstream that fails at once is an HTTP error. @throws {UpstreamFailedError} */
export async function passStream(passing: Passing, response: FetchResponse): Promise<HttpResponse> {
  const { context, leaving, leave, job } = passing
  const contentType = response.headers['content-type'] ?? ''
  if (!/^text\/event-stream\b/i.test(contentType)) {
    leave()
    throw new UpstreamFailedError({ reason: 'it answered a stream with something else' })
  }
  const { silenceMsMax, answerBytesMax: bytesMax } = context.limits
  const { clock } = context.env
  const events = readEvents(boundSilence(response, { clock, leaving, silenceMsMax, bytesMax }))
  const first = await events.next()
  let head: AnswerPart | undefined
  try {
    head = first.done ? undefined : partOf(first.value)
  } catch (fault) {
    leave()
    await events.return(undefined)
    throw fault
  }
  if (first.done || head?.isError) {
    leave()
    await events.return(undefined)
    throw new UpstreamFailedError({ reason: first.done ? 'its stream is empty' : 'its stream begins with an error' })
  }
  context.timings.began(job.turnAtMs)
  const body = ownedBody(endInTime(streamBody(passing, first.value, events), job, context.env.clock), async () => {
    leave()
    await events.return(undefined)
    job.release()
  })
  return { status: 200, headers: { ...headersOf(passing, contentType), 'cache-control': 'no-cache' }, body }
}

/** @throws {UpstreamFailedError} what is no JSON */
function partOf({ data }: PassedEvent): AnswerPart | undefined {
  if (data === undefined || data === '[DONE]') return undefined
  try {
    return readPart(data)
  } catch (cause) {
    throw new UpstreamFailedError({ reason: 'an event of its stream is not JSON' }, cause)
  }
}

type Progress = { reported: Reported | undefined; finished: number; isFailed: boolean }

async function* streamBody(
  passing: Passing,
  first: PassedEvent,
  events: AsyncGenerator<PassedEvent>,
): AsyncGenerator<Uint8Array> {
  const { context, asked, job, leave, leaving } = passing
  const hash = createSha256()
  const progress: Progress = { reported: undefined, finished: 0, isFailed: false }
  let isRecorded = false
  const record = async (finishReason: BodyFinish): Promise<void> => {
    isRecorded = true
    // Of an answer that was cut only what was emitted is billed; nothing of one that had not begun.
    if (finishReason !== 'stop' && passing.text.isEmpty()) return
    await recordTokens(passing, progress.reported, { responseSha256: hash.digest(), finishReason })
  }
  try {
    for (let event: PassedEvent | undefined = first; event; event = await nextOf(events)) {
      const part = partOf(event)
      note(passing, progress, part)
      if (part?.isUsageOnly && !asked.includeUsage) continue
      const isEnd = event.data === '[DONE]' || part?.isLast === true
      const bytes = await bytesOf(job, event, isEnd && !progress.isFailed)
      hash.update(bytes)
      if (isEnd) {
        await record(progress.isFailed ? 'upstream_failed' : 'stop')
        yield bytes
        return
      }
      yield bytes
    }
    if (progress.isFailed || progress.finished < asked.answers * asked.prompts) {
      throw new UpstreamFailedError({ reason: 'it cut the stream' })
    }
    const tail = await job.sealed?.sealEnd()
    if (tail) hash.update(tail)
    await record('stop')
    if (tail) yield tail
  } catch (fault) {
    if (isRecorded || (leaving.signal.aborted && !(fault instanceof UpstreamFailedError))) throw fault
    context.env.log.warn('upstream failed', {
      jobId: job.id,
      reason: fault instanceof Error ? fault.message : String(fault),
    })
    context.metrics.upstreamFailures.add()
    const tail = textToBytes(sseEvent(failure))
    hash.update(tail)
    await record('upstream_failed')
    yield tail
  } finally {
    leave()
    await events.return(undefined)
    await end(passing, isRecorded ? undefined : record)
  }
}

/** The event as it goes out: as it came, or sealed, with the frame that says that nothing was cut off before the end. */
async function bytesOf({ sealed }: Passing['job'], event: PassedEvent, isEnd: boolean): Promise<Uint8Array> {
  if (!sealed || event.data === undefined) return event.bytes
  const end = isEnd ? [await sealed.sealEnd()] : []
  if (event.data === '[DONE]') return concatBytes([...end, event.bytes])
  return concatBytes([await sealed.sealEvent(JSON.parse(event.data) as JsonObject), ...end])
}

const failure = {
  error: {
    message: 'The server behind this provider failed.',
    type: 'server_error',
    param: null,
    code: 'provider_error',
  },
}

/** The client left: it pays what was on its way to it. */
async function end({ context, job }: Passing, record: ((finish: BodyFinish) => Promise<void>) | undefined) {
  try {
    await record?.('cancelled')
    if (record) context.env.log.info('job cancelled', { jobId: job.id })
  } catch (fault) {
    context.env.log.error('cancelled job not recorded', { jobId: job.id, reason: String(fault) })
  } finally {
    job.release()
  }
}

async function nextOf(events: AsyncGenerator<PassedEvent>): Promise<PassedEvent | undefined> {
  const step = await events.next()
  return step.done ? undefined : step.value
}

function note(passing: Passing, progress: Progress, part: AnswerPart | undefined): void {
  if (!part) return
  passing.text.add(part.text)
  passing.hasLogprobs ||= part.hasLogprobs
  progress.finished += part.finished
  progress.reported = part.reported ?? progress.reported
  progress.isFailed ||= part.isError
}
