/**
 * Levels `refereed` and `full`: several providers make the answer, and it is delivered when they agree bit by bit. Where
 * two differ the referee says who is right, if there is one; else nobody's answer is delivered. Spec: COMPUTE §10.10
 */
import { bytesToHex } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import { compareAnswers } from '@weightless/receipt'
import { errorResponse } from '../../wire/apiError.ts'
import { answersOf, detectionOf, type VerificationLevel, verificationHeader } from '../../wire/verificationLevel.ts'
import type { Candidate } from '../choice/chooseCandidates.ts'
import type { Request } from '../customerRequest.ts'
import type { GatewayContext } from '../gatewayContext.ts'
import type { Trace } from '../trace.ts'
import { type Copy, type CopyOutcome, type CopyQueue, takeCopy } from './takeCopy.ts'

const attemptsMax = 8

/** @param candidates - of one model and program, more than enough or just enough */
export async function forwardCopies(
  context: GatewayContext,
  request: Request,
  candidates: readonly Candidate[],
  trace: Trace,
): Promise<HttpResponse> {
  const { env, limits } = context
  const leaving = new AbortController()
  const leave = () => leaving.abort(request.signal.reason)
  if (request.signal.aborted) leave()
  else request.signal.addEventListener('abort', leave, { once: true })
  const giveUpAtMs = env.clock.monotonicMs() + limits.answerWaitMsMax
  const queue: CopyQueue = { left: [...candidates], attemptsLeft: attemptsMax, giveUpAtMs }
  const alike = { ...request, nonce: bytesToHex(env.random.bytes(32)), signal: leaving.signal }
  trace.beginRound()
  const takeOne = async (): Promise<CopyOutcome> => {
    const outcome = await takeCopy(context, alike, queue, trace)
    // With one too few the others need not go on.
    if (!('copy' in outcome)) leaving.abort()
    return outcome
  }
  try {
    const outcomes = await Promise.all(Array.from({ length: answersOf(wantedOf(request)) }, takeOne))
    const copies: Copy[] = []
    for (const outcome of outcomes) {
      if ('copy' in outcome) copies.push(outcome.copy)
    }
    if (copies.length === outcomes.length) return await judgeCopies(context, request, copies)
    return refuse(outcomes, trace)
  } finally {
    request.signal.removeEventListener('abort', leave)
  }
}

const wantedOf = ({ work }: Request): VerificationLevel => work.preferences.verification

function refuse(outcomes: readonly CopyOutcome[], trace: Trace): HttpResponse {
  for (const outcome of outcomes) {
    if (!('refusal' in outcome)) continue
    const { status, body } = outcome.refusal
    return { status, headers: { 'content-type': 'application/json', ...trace.headers() }, body }
  }
  const failed = outcomes.find((outcome) => 'error' in outcome)!
  return errorResponse(failed.error, { ...trace.headers() })
}

type Judged = { copy: Copy; outcome: 'agreed' | 'differs'; detail?: string }

async function judgeCopies(context: GatewayContext, request: Request, copies: readonly Copy[]): Promise<HttpResponse> {
  const wanted = wantedOf(request)
  const differences = copies.slice(1).map(({ bundle }) => compareAnswers(copies[0]!.bundle, bundle))
  const what = differences.find((difference) => difference !== undefined)
  const agreed = copies.map((copy): Judged => ({ copy, outcome: 'agreed' }))
  if (what === undefined) {
    context.metrics.checksAgreed.add()
    return deliver(context, request, agreed, 'agreed')
  }
  context.metrics.checksRefuted.add()
  const providers = copies.map(({ provider }) => provider.address).join(' ')
  context.env.log.error('answers differ', { providers, what })
  const judged = wanted.level === 'refereed' ? await askReferee(context, copies) : undefined
  if (judged) return deliver(context, request, judged, 'decided')
  const both = copies.map((copy): Judged => ({ copy, outcome: 'differs', detail: what }))
  const headers = note(context, request, both, 'differs')
  const message = `The providers' answers differ (${what}); none is delivered. Dispute their receipts to see whose is wrong.`
  return errorResponse({ code: 'answers_differ', message }, headers)
}

/** Undefined where it cannot say who is right. */
async function askReferee(
  { referee, health, env }: GatewayContext,
  copies: readonly Copy[],
): Promise<Judged[] | undefined> {
  if (!referee || !(await referee.canJudge(copies[0]!.bundle.receipt.modelRoot))) return undefined
  try {
    const judged: Judged[] = []
    for (const copy of copies) {
      const verification = await referee.judge(copy.bundle)
      const outcome = verification.accepted ? 'agreed' : 'differs'
      judged.push({ copy, outcome, ...(!verification.accepted && { detail: verification.detail }) })
    }
    for (const { copy, outcome } of judged) if (outcome === 'differs') health.distrust(copy.provider.address)
    return judged.some(({ outcome }) => outcome === 'agreed') ? judged : undefined
  } catch (fault) {
    env.log.error('referee failed', { reason: fault instanceof Error ? fault.message : String(fault) })
    return undefined
  }
}

function deliver(
  context: GatewayContext,
  request: Request,
  judged: readonly Judged[],
  outcome: 'agreed' | 'decided',
): HttpResponse {
  const { copy } = judged.find((one) => one.outcome === 'agreed')!
  context.metrics.answers.add()
  const from = { 'x-0g-provider-address': copy.provider.address }
  const headers = { ...copy.headers, ...from, ...note(context, request, judged, outcome) }
  return { status: 200, headers, body: copy.body }
}

/** What was done, for whoever asks later and as a header. */
function note(
  { checks }: GatewayContext,
  request: Request,
  judged: readonly Judged[],
  outcome: 'agreed' | 'decided' | 'differs',
): Record<string, string> {
  const wanted = wantedOf(request)
  const keyId = request.customer.key.id
  for (const { copy, outcome: own, detail } of judged) {
    checks.note(copy.jobId, { keyId, wanted, outcome: own, ...(detail !== undefined && { detail }) })
  }
  const said = {
    ...wanted,
    outcome,
    detection: detectionOf(wanted),
    fee_wei: judged.reduce((sum, { copy }) => sum + copy.bundle.receipt.fee, 0n).toString(),
    answers: judged.map(({ copy, outcome: own }) => ({
      provider: copy.provider.address,
      receipt: copy.jobId,
      outcome: own,
    })),
  }
  return { [verificationHeader]: JSON.stringify(said) }
}
