/** A request through the gateway: admit, choose, ask one provider after the other until one begins to answer. COMPUTE §10 */
import type { HttpResponse } from '@weightless/env'
import { type ApiError, errorResponse } from '../wire/apiError.ts'
import { answersOf, detectionOf, verificationHeader } from '../wire/verificationLevel.ts'
import { attemptProvider } from './attemptProvider.ts'
import type { Begun } from './begunAnswer.ts'
import { type Candidate, chooseCandidates } from './choice/chooseCandidates.ts'
import type { Request } from './customerRequest.ts'
import type { Customer, GatewayContext } from './gatewayContext.ts'
import { forwardCopies } from './levels/forwardCopies.ts'
import { prepareLevel } from './levels/prepareLevel.ts'
import { sampleAnswer } from './levels/sampleAnswer.ts'
import { type Passed, passAnswer } from './passAnswer.ts'
import { createTrace, type Trace } from './trace.ts'

const busyWaitMs = 250
const busyWaitMsGrown = 2_000
/** Over all models of a request. */
const attemptsMaxAll = 8

/** One request of a key that is within its limits; the answer's body ends it. */
export async function forwardWork(context: GatewayContext, request: Request): Promise<HttpResponse> {
  const { customer, work } = request
  const choice = await chooseCandidates(context, customer, work)
  if ('error' in choice) return errorResponse(choice.error, choice.headers)
  const { verification } = work.preferences
  const prepared = await prepareLevel(context, verification, choice.candidates)
  if ('error' in prepared) return errorResponse(prepared.error, choice.headers)
  if (customer.inFlight >= context.limits.perKeyMax) {
    const message = `This key has ${customer.inFlight} requests in flight already.`
    return errorResponse({ code: 'too_many_requests', message, retryAfterSeconds: 1 })
  }
  const trace = createTrace(choice.sort, choice.headers)
  const taken = context.rates.take(customer.key.id, customer.key, work.tokensGuess * answersOf(verification))
  if (!taken.ok) {
    context.metrics.rateLimited.add()
    const message = `This key may use no more ${taken.of} in this minute.`
    return errorResponse({ code: 'too_many_requests', message, retryAfterSeconds: Math.ceil(taken.waitMs / 1000) })
  }
  enter(context, customer)
  let handedOver = false
  try {
    if (answersOf(verification) > 1) {
      const response = await forwardCopies(context, request, prepared.candidates, trace)
      context.rates.correct(customer.key.id, taken.takenTokens, 0)
      return response
    }
    const outcome = await firstAnswer(context, request, prepared.candidates, trace)
    if ('error' in outcome) {
      context.rates.correct(customer.key.id, taken.takenTokens, 0)
      return errorResponse(outcome.error, trace.headers())
    }
    if ('refusal' in outcome) {
      context.rates.correct(customer.key.id, taken.takenTokens, 0)
      const { status, body } = outcome.refusal
      return { status, headers: { 'content-type': 'application/json', ...trace.headers() }, body }
    }
    handedOver = true
    context.metrics.answers.add()
    if (trace.inRound() > 1) context.metrics.failovers.add()
    const end = { left: () => leave(context, customer), takenTokens: taken.takenTokens }
    return sendAnswer(context, request, passAnswer(context, request, outcome.begun, trace, end))
  } finally {
    // A body that is still to be sent ends the request itself.
    if (!handedOver) leave(context, customer)
  }
}

/** Whatever is still to be checked is checked behind it. */
function sendAnswer(context: GatewayContext, { customer, work }: Request, passed: Passed): HttpResponse {
  const { verification } = work.preferences
  const { response, jobId } = passed
  if (work.preferences.isShared) context.shared.offer(passed.bundle)
  if (verification.level !== 'sampled') return response
  sampleAnswer(context, passed, { keyId: customer.key.id, share: verification.share })
  const said = { ...verification, outcome: 'pending', detection: detectionOf(verification), receipt: jobId }
  return { ...response, headers: { ...response.headers, [verificationHeader]: JSON.stringify(said) } }
}

let inFlightAll = 0

function enter({ metrics }: GatewayContext, customer: Customer): void {
  customer.inFlight++
  metrics.inFlight.set(++inFlightAll)
}

function leave({ metrics }: GatewayContext, customer: Customer): void {
  customer.inFlight--
  metrics.inFlight.set(--inFlightAll)
}

type Outcome = { begun: Begun } | { refusal: { status: number; body: string } } | { error: ApiError }

async function firstAnswer(
  context: GatewayContext,
  request: Request,
  candidates: readonly Candidate[],
  trace: Trace,
): Promise<Outcome> {
  const { clock, random } = context.env
  const startedMs = clock.monotonicMs()
  const giveUpAtMs = startedMs + context.limits.busyWaitMsMax
  for (let waitMs = busyWaitMs; ; waitMs = Math.min(waitMs * 1.5, busyWaitMsGrown)) {
    trace.beginRound()
    const outcome = await askRound(context, request, candidates, trace, startedMs)
    if (!('error' in outcome)) return outcome
    // Nobody has failed, there is only much to do: the request waits here, bounded by `perKeyMax`.
    if (outcome.error.code !== 'queue_full' || request.signal.aborted || clock.monotonicMs() >= giveUpAtMs) {
      return outcome
    }
    // Not all of them at once again.
    const spread = waitMs * (0.5 + random.bytes(1)[0]! / 256)
    await clock.sleep(spread, request.signal).catch(() => undefined)
  }
}

/** Each provider once, until one begins to answer. */
async function askRound(
  context: GatewayContext,
  request: Request,
  candidates: readonly Candidate[],
  trace: Trace,
  startedMs: number,
): Promise<Outcome> {
  const { attemptsMax, answerWaitMsMax, firstTokenMsMax } = context.limits
  let error: ApiError = { code: 'no_available_provider', message: 'No provider answers.', retryAfterSeconds: 5 }
  const attempts = new Map<string, number>()
  for (const [place, { provider, model }] of candidates.entries()) {
    const before = attempts.get(model) ?? 0
    if (before >= attemptsMax || trace.inRound() >= attemptsMaxAll || request.signal.aborted) continue
    const leftMs = startedMs + answerWaitMsMax - context.env.clock.monotonicMs()
    if (leftMs <= 0) break
    attempts.set(model, before + 1)
    const isLast = place === candidates.length - 1
    const outcome = await attemptProvider(
      context,
      request,
      provider,
      isLast ? leftMs : Math.min(leftMs, firstTokenMsMax),
    )
    trace.attempted(provider.address, model, outcome.kind)
    if (outcome.kind === 'answering') return { begun: outcome.begun }
    if (outcome.kind === 'refused') return { refusal: outcome }
    error = outcome.error
    if (outcome.kind === 'over-budget') break
  }
  return { error }
}
