/** An answered job again, from the log: its bundle, and on request the digests of its operators. COMPUTE §9 */

import type { Hex } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import { type Bundle, choiceSeed, choicesOf, isChatBundle, readBundle } from '@weightless/receipt'
import { QueueFullError } from '../admission/fairQueue.ts'
import type { StoredJob } from '../settlement/jobLog.ts'
import { errorResponse } from '../wire/apiError.ts'
import type { ProviderContext } from './providerContext.ts'

/** What we wrote ourselves is well-formed. */
export function readJob(job: StoredJob): Bundle {
  const read = readBundle(job.bundle)
  if (!read.ok) throw new TypeError(`our own bundle is malformed: ${read.detail}`)
  return read.value
}

/** Runs the job again in its turn: nobody keeps 10 KB per token. */
export async function listOperators(
  { engine, queue }: ProviderContext,
  bundle: Bundle,
  choice: number,
  user: Hex,
  signal: AbortSignal,
): Promise<HttpResponse> {
  if (!isChatBundle(bundle) || engine.kind !== 'exact') return noTrace()
  const { opening, receipt } = bundle
  const output = choicesOf(opening)[choice]
  if (!output || output.outputTokens.length === 0) return noTrace()
  const { messages, stop, sampler, shape } = opening
  const { outputTokens, finishReason } = output
  const job = { messages, stop, sampler, shape, seed: choiceSeed(receipt.seed, choice), topLogprobs: undefined }
  let leave: (() => void) | undefined
  try {
    leave = await queue.enter(user, signal)
    const trace = await engine.traceOperators(job, { outputTokens, finishReason })
    if (!trace) return noTrace()
    return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: trace }
  } catch (fault) {
    if (!(fault instanceof QueueFullError)) throw fault
    return errorResponse({ code: 'queue_full', message: 'Too many jobs wait; try again.', retryAfterSeconds: 2 })
  } finally {
    leave?.()
  }
}

function noTrace(): HttpResponse {
  return errorResponse({ code: 'not_found', message: 'Nobody can re-execute this answer: it has no trace.' })
}
