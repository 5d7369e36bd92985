/** A dispute over an answer of this provider: whoever has its opening asks, and the root of each working is signed. Spec: spec/dispute.md §9 */
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { type Bundle, type ChatOpening, isChatBundle } from '@weightless/receipt'
import { errorResponse } from '../wire/apiError.ts'
import {
  type DisputeQuestion,
  disputeAnswerToJson,
  disputedReceipt,
  disputeRequestSchema,
  questionBytesMax,
} from '../wire/disputeMessages.ts'
import { jsonResponse } from '../wire/jsonResponse.ts'
import { parseJson } from '../wire/parseJson.ts'
import { defendAnswer, isDefensible } from './defendAnswer.ts'
import type { ProviderContext } from './providerContext.ts'
import { readJob } from './readJob.ts'
import { signJobs } from './signJobs.ts'

/** Undefined when the path is another. Nobody needs an account: the opening is shown by its salt. */
export async function answerDispute(
  context: ProviderContext,
  request: HttpRequest,
  path: string,
): Promise<HttpResponse | undefined> {
  const id = disputedReceipt(path)
  if (!id || request.method !== 'POST') return undefined
  const read = disputeRequestSchema.safeParse(parseJson(await readBody(request.body, questionBytesMax)))
  if (!read.success) {
    return errorResponse({
      code: 'invalid_request',
      message: 'Ask with salt, choice and question, as DISPUTE §9 says.',
    })
  }
  const { salt, choice, question } = read.data
  const job = await context.log.findByReceipt(id)
  const opening = job?.bundle.opening as { salt?: unknown } | undefined
  // One refusal for both, so that nobody learns whether there is such a receipt.
  if (!job || opening?.salt !== salt) {
    return errorResponse({ code: 'receipt_not_found', message: 'There is no such receipt with this salt.' })
  }
  const { ok, retryAfterSeconds } = context.disputes.rates.take(id)
  if (!ok) return errorResponse({ code: 'too_many_requests', message: 'Ask more slowly.', retryAfterSeconds })
  // From the log a receipt comes without its signature.
  await signJobs(context, [job])
  const bundle = readJob(job)
  // Of several answers no step leads to the receipt's root.
  if (!isChatBundle(bundle) || bundle.opening.traceRoots) return noDispute()
  const chosen = await chooseEngine(context, bundle)
  if (!chosen) return noDispute()
  if (chosen === 'busy') {
    return errorResponse({ code: 'queue_full', message: 'Other adapters answer just now.', retryAfterSeconds: 5 })
  }
  return defend(chosen, bundle, `${id} ${choice}`, choice, question)
}

/** Of an answer with an adapter the engine that has it. */
async function chooseEngine(
  context: ProviderContext,
  { receipt }: Bundle,
): Promise<ProviderContext | 'busy' | undefined> {
  const { engine, adapters } = context
  if (engine.kind !== 'exact' || !adapters || receipt.modelRoot === engine.model.modelRoot) return context
  const adapted = await adapters.engineOfRoot(receipt.user, receipt.modelRoot, engine.model.modelRoot)
  return adapted && adapted !== 'busy' ? { ...context, engine: adapted } : adapted
}

async function defend(
  context: ProviderContext,
  bundle: Bundle<ChatOpening>,
  key: string,
  choice: number,
  question: DisputeQuestion,
): Promise<HttpResponse> {
  if (!isDefensible(context, bundle, choice)) return noDispute()
  const seat = context.disputes.enter(key)
  if (!seat) {
    return errorResponse({ code: 'queue_full', message: 'Other disputes are under way.', retryAfterSeconds: 30 })
  }
  try {
    const signed = await defendAnswer(context, bundle, key, choice, question)
    if (!signed) return errorResponse({ code: 'not_found', message: 'There is nothing at that place.' })
    return jsonResponse(disputeAnswerToJson(signed.answer, signed.signature))
  } finally {
    seat.leave()
  }
}

function noDispute(): HttpResponse {
  return errorResponse({ code: 'not_found', message: 'This answer has no working that could be asked about.' })
}
