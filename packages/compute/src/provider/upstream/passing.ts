/** What passing an answer on needs, whole or streamed. */
import { type BodyFinish, type PrintedRequest, readPrintedRequest } from '@weightless/receipt'
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
  /** What is asked of the sampler, where the answer's fingerprint could be weighed. */
  printed: PrintedRequest | undefined
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
  const isPrinted = passing.printed !== undefined && passing.hasLogprobs
  await finishBody(context, job, { units, ...end, isPrinted })
}

/** FINGERPRINT §3 */
export function printedRequestOf(
  { engine }: UpstreamContext,
  { path, json }: BodyRequest,
  isSealed: boolean,
): PrintedRequest | undefined {
  if (engine.fingerprint === undefined || isSealed || path !== '/v1/chat/completions') return undefined
  return readPrintedRequest(json)
}

export function headersOf({ job }: Passing, contentType: string): Record<string, string> {
  const ids = { [receiptHeader]: job.id, 'zg-res-key': job.id, 'x-request-id': job.id }
  return { 'content-type': contentType, ...ids, ...acceptanceHeaders(job) }
}
