/** What passing an answer on needs, whole or streamed. */
import { type BodyFinish, readPrintedRequest } from '@weightless/receipt'
import type { BodyRequest, Units } from '../../wire/bodyRequest.ts'
import { receiptHeader } from '../../wire/payment.ts'
import { acceptanceHeaders } from '../acceptJob.ts'
import type { UpstreamContext } from '../providerContext.ts'
import { type BodyJob, finishBody } from './finishBody.ts'
import type { Reported } from './readAnswer.ts'
import { countPrompt, type TextMeter, weighUsage } from './weighUsage.ts'

export type Passing = {
  context: UpstreamContext
  job: BodyJob
  asked: BodyRequest
  /** What is held for it. */
  max: Units
  /** What the model has said so far. */
  text: TextMeter
  /** Log-probabilities of tokens have come. */
  hasLogprobs: boolean
  /** Aborts the request at the upstream. */
  leaving: AbortController
  leave(): void
}

/** Counts, weighs and signs; durable when it resolves. */
export async function recordTokens(
  passing: Passing,
  reported: Reported | undefined,
  end: { responseSha256: Uint8Array; finishReason: BodyFinish },
): Promise<void> {
  const { context, job, asked, max, text } = passing
  const own = { prompt: await countPrompt(context.engine, asked), completion: await text.count() }
  const { lies, ...units } = weighUsage(asked, max, reported, own)
  for (const { what, reported: claimed, counted } of lies) {
    context.metrics.usageLies.add()
    context.env.log.warn('upstream usage not believed', { jobId: job.id, what, claimed, counted })
  }
  await finishBody(context, job, { units, ...end, isPrinted: isPrinted(passing) })
}

/** Whether the answer is one whose fingerprint can be weighed. FINGERPRINT §3 */
function isPrinted({ context, job, asked, hasLogprobs }: Passing): boolean {
  const isPlain = context.engine.logprobs !== undefined && hasLogprobs && !job.sealed
  return isPlain && asked.path === '/v1/chat/completions' && readPrintedRequest(asked.json) !== undefined
}

export function headersOf({ job }: Passing, contentType: string): Record<string, string> {
  const ids = { [receiptHeader]: job.id, 'zg-res-key': job.id, 'x-request-id': job.id }
  return { 'content-type': contentType, ...ids, ...acceptanceHeaders(job) }
}
