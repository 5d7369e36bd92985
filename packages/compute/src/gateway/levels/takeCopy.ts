/** One of several answers to one request: whole, with its receipt, from the first provider that gives both. Spec: COMPUTE §10.10 */
import { bytesToText, concatBytes, textToBytes } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import { type Bundle, type ChatOpening, choicesOf, isChatBundle } from '@weightless/receipt'
import type { ApiError } from '../../wire/apiError.ts'
import { attemptProvider } from '../attemptProvider.ts'
import type { Begun } from '../begunAnswer.ts'
import type { Candidate } from '../choice/chooseCandidates.ts'
import type { Request } from '../customerRequest.ts'
import type { GatewayContext } from '../gatewayContext.ts'
import { passAnswer } from '../passAnswer.ts'
import type { ListedProvider } from '../providerDirectory.ts'
import type { Trace } from '../trace.ts'

export type Copy = {
  provider: ListedProvider
  jobId: string
  bundle: Bundle<ChatOpening>
  headers: HttpResponse['headers']
  body: Uint8Array
}

export type CopyOutcome = { copy: Copy } | { refusal: { status: number; body: string } } | { error: ApiError }

export type CopyQueue = {
  /** Whom nobody has asked yet; shared by all copies of a request. */
  left: Candidate[]
  /** Attempts that the request may still make. */
  attemptsLeft: number
  giveUpAtMs: number
}

const bodyBytesMax = 16 * 1024 * 1024
const busyWaitMs = 250

export async function takeCopy(
  context: GatewayContext,
  request: Request,
  queue: CopyQueue,
  trace: Trace,
): Promise<CopyOutcome> {
  const { clock } = context.env
  let error: ApiError = { code: 'no_available_provider', message: 'Not enough providers answer.', retryAfterSeconds: 5 }
  for (;;) {
    const leftMs = queue.giveUpAtMs - clock.monotonicMs()
    const next = leftMs > 0 && queue.attemptsLeft > 0 && !request.signal.aborted ? queue.left.shift() : undefined
    if (!next) return { error }
    queue.attemptsLeft--
    const outcome = await attemptProvider(context, request, next.provider, leftMs)
    trace.attempted(next.provider.address, next.model, outcome.kind)
    if (outcome.kind === 'refused') return { refusal: outcome }
    if (outcome.kind === 'answering') {
      const copy = await takeWhole(context, request, outcome.begun, trace)
      if (copy) return { copy }
      error = { code: 'provider_error', message: 'A provider gave no whole answer with a good receipt.' }
      continue
    }
    error = outcome.error
    if (outcome.kind === 'over-budget') return { error }
    if (outcome.kind !== 'busy') continue
    queue.left.push(next)
    queue.attemptsLeft++
    await clock.sleep(busyWaitMs, request.signal).catch(() => undefined)
  }
}

/** Undefined for what broke off, or has no receipt that says the same. */
async function takeWhole(
  context: GatewayContext,
  request: Request,
  begun: Begun,
  trace: Trace,
): Promise<Copy | undefined> {
  // The request's own tokens are put right where its copies end.
  const { response, jobId, bundle } = passAnswer(context, request, begun, trace, {
    left: () => undefined,
    takenTokens: 0,
  })
  const body = await collect(response.body)
  const signed = await bundle
  if (!body || !signed || !isChatBundle(signed)) return undefined
  if (choicesOf(signed.opening).some(({ finishReason }) => finishReason === 'cancelled')) return undefined
  if (request.work.stream && /^data: ?\{\s*"error"\s*:/m.test(bytesToText(body))) return undefined
  return { provider: begun.provider, jobId, bundle: signed, headers: response.headers, body }
}

async function collect(body: HttpResponse['body'] = ''): Promise<Uint8Array | undefined> {
  if (typeof body === 'string') return textToBytes(body)
  if (body instanceof Uint8Array) return body
  const pieces: Uint8Array[] = []
  let size = 0
  try {
    for await (const piece of body) {
      const bytes = typeof piece === 'string' ? textToBytes(piece) : piece
      size += bytes.length
      // Leaving the loop ends the answer.
      if (size > bodyBytesMax) return undefined
      pieces.push(bytes)
    }
    return concatBytes(pieces)
  } catch {
    // A whole answer that broke off: whoever passed it on has written down why.
    return undefined
  }
}
