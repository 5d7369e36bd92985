/** A chat request through the gateway: choose, sign, forward, pass bytes through untouched, then check and pay. COMPUTE §10 */
import { bytesToText, type Hex } from '@weightless/codec'
import type { FetchResponse, HttpRequest, HttpResponse } from '@weightless/env'
import { readBody } from '@weightless/env'
import type { Bundle } from '@weightless/receipt'
import { type ApiError, errorResponse } from '../wire/apiError.ts'
import { readChatRequest } from '../wire/chatRequest.ts'
import { ownedBody } from '../wire/ownedBody.ts'
import { receiptHeader } from '../wire/payment.ts'
import { type Ask, type Asked, askProvider } from './askProvider.ts'
import { chooseProviders } from './chooseProviders.ts'
import { createDeliveredText } from './deliveredText.ts'
import type { Customer, GatewayContext } from './gatewayContext.ts'
import { ReceiptUnacceptableError, type Tab } from './openTab.ts'
import type { ListedProvider } from './providerDirectory.ts'
import { type JobQuote, quoteJob } from './quoteJob.ts'

const avoidMs = 10_000
const busyWaitMs = 250
const distrustMs = 3_600_000

export async function forwardChat(
  context: GatewayContext,
  customer: Customer,
  request: HttpRequest,
): Promise<HttpResponse> {
  const bytes = await readBody(request.body, context.limits.bodyBytesMax)
  const body = parseJson(bytes)
  const parsed = readChatRequest(body)
  if (!parsed.ok) return errorResponse(parsed.error!)
  const choice = await chooseProviders(context.directory, parsed.value.model, request.headers)
  if ('error' in choice) return errorResponse(choice.error)
  if (customer.inFlight >= context.limits.perKeyMax) {
    const message = `This key has ${customer.inFlight} requests in flight already.`
    return errorResponse({ code: 'too_many_requests', message, retryAfterSeconds: 1 })
  }
  const ask = { customer, request: parsed.value, body: body as Record<string, unknown>, signal: request.signal }
  customer.inFlight++
  let handedOver = false
  try {
    const response = await firstAnswer(context, ask, choice.providers)
    handedOver = response.status === 200
    return response
  } finally {
    // A body that is still to be sent ends the request itself.
    if (!handedOver) customer.inFlight--
  }
}

async function firstAnswer(
  context: GatewayContext,
  ask: Ask,
  providers: readonly ListedProvider[],
): Promise<HttpResponse> {
  const { clock } = context.env
  const giveUpAtMs = clock.monotonicMs() + context.limits.busyWaitMsMax
  for (;;) {
    const round = await askRound(context, ask, providers)
    if ('response' in round) return round.response
    const { error } = round
    // Nobody has failed, there is only much to do: the request waits here, bounded by `perKeyMax`.
    if (error.code !== 'queue_full' || ask.signal.aborted || clock.monotonicMs() >= giveUpAtMs) {
      return errorResponse(error)
    }
    await clock.sleep(busyWaitMs, ask.signal).catch(() => undefined)
  }
}

/** Each provider once, until one begins to answer. */
async function askRound(
  context: GatewayContext,
  ask: Ask,
  providers: readonly ListedProvider[],
): Promise<{ response: HttpResponse } | { error: ApiError }> {
  const { customer, request } = ask
  const { clock, log } = context.env
  let error: ApiError = { code: 'no_available_provider', message: 'No provider answers.', retryAfterSeconds: 5 }
  for (const provider of providers.slice(0, context.limits.attemptsMax)) {
    const quote = quoteJob(request, provider, context.limits.defaultMaxTokens)
    const capped = capError(context, customer, quote.maxFee)
    if (capped) return { error: capped }
    customer.heldWei += quote.maxFee
    const startedMs = clock.monotonicMs()
    const asked = await askProvider(context, ask, provider, quote).catch((fault) => {
      customer.heldWei -= quote.maxFee
      throw fault
    })
    if (asked.kind === 'answering') {
      context.directory.succeeded(provider.address, clock.monotonicMs() - startedMs)
      return { response: passOn(context, ask, provider, quote, asked) }
    }
    customer.heldWei -= quote.maxFee
    if (asked.kind === 'refused') {
      const { status, body } = asked
      return { response: { status, headers: { 'content-type': 'application/json' }, body } }
    }
    error = errorOf(asked)
    if (asked.kind !== 'failed') continue
    log.warn('provider failed', { provider: provider.address, reason: asked.reason })
    context.directory.failed(provider.address, avoidMs)
  }
  return { error }
}

function passOn(
  context: GatewayContext,
  ask: Ask,
  provider: ListedProvider,
  quote: JobQuote,
  { response, terms, tab }: Extract<Asked, { kind: 'answering' }>,
): HttpResponse {
  const { customer } = ask
  const jobId = response.headers[receiptHeader] ?? `job-${provider.address}-${terms.authorization.jobNonce}`
  const delivered = createDeliveredText(ask.request.stream)
  const begin = Promise.withResolvers<void>()
  const settled = begin.promise
    .then(() => tab.settleJob(terms, { jobId, text: delivered.text() }))
    .catch((fault) => blame(context, provider, tab, jobId, fault))
    .finally(() => {
      customer.heldWei -= quote.maxFee
      context.settling.delete(jobId)
    })
  context.settling.set(jobId, settled)
  const finish = () => {
    customer.inFlight--
    begin.resolve()
  }
  const body = ownedBody(passBody(response, delivered, finish), async () => {
    finish()
    await response.body[Symbol.asyncIterator]().return?.()
  })
  return { status: 200, headers: headersOf(response, provider.address), body }
}

/** Every piece goes on as soon as it is here, and no faster than the client takes it. */
async function* passBody(
  { body }: FetchResponse,
  delivered: ReturnType<typeof createDeliveredText>,
  finish: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of body) {
      delivered.add(piece)
      yield piece
    }
  } finally {
    finish()
  }
}

/** A provider that bills falsely is not paid and not asked again for a while; one that is away is paid later. */
function blame(
  context: GatewayContext,
  provider: ListedProvider,
  tab: Tab,
  jobId: string,
  fault: unknown,
): Bundle | undefined {
  const reason = fault instanceof Error ? fault.message : String(fault)
  context.env.log.error('job not settled', { provider: provider.address, jobId, reason })
  const isFalse = fault instanceof ReceiptUnacceptableError
  context.directory.failed(provider.address, isFalse ? distrustMs : avoidMs)
  if (!isFalse) void payLater(context, provider, tab)
  return undefined
}

/** With growing pauses; after that the next request to the provider, or the next start, does it. */
async function payLater({ env, stopping }: GatewayContext, provider: ListedProvider, tab: Tab): Promise<void> {
  for (let waitMs = 1_000; waitMs <= 64_000 && !stopping.aborted; waitMs *= 2) {
    await env.clock.sleep(waitMs, stopping).catch(() => undefined)
    if (stopping.aborted) return
    try {
      return await tab.agree()
    } catch (fault) {
      env.log.debug('not agreed yet', { provider: provider.address, reason: String(fault) })
    }
  }
}

function capError({ purse }: GatewayContext, customer: Customer, maxFee: bigint): ApiError | undefined {
  const { spendingCapWei, user, heldWei } = customer
  if (spendingCapWei === undefined || purse.spent(user) + heldWei + maxFee <= spendingCapWei) return undefined
  const spent = `${purse.spent(user)} wei are spent, ${heldWei} held, this request may cost ${maxFee}`
  const message = `The key may spend ${spendingCapWei} wei: ${spent}. Ask for fewer tokens, or raise the cap.`
  return { code: 'spending_cap_reached', message }
}

function errorOf(asked: Exclude<Asked, { kind: 'answering' | 'refused' }>): ApiError {
  if (asked.kind === 'busy') {
    return { code: 'queue_full', message: 'All providers are busy; try again in some seconds.', retryAfterSeconds: 2 }
  }
  if (asked.kind === 'unfunded') return { code: 'insufficient_balance', message: asked.message }
  return { code: 'provider_error', message: `The provider failed: ${asked.reason}.`, retryAfterSeconds: 2 }
}

function headersOf({ headers }: FetchResponse, provider: Hex): Record<string, string> {
  const passed: Record<string, string> = { 'x-0g-provider-address': provider }
  for (const name of ['content-type', 'cache-control', receiptHeader, 'zg-res-key', 'x-request-id']) {
    const value = headers[name]
    if (value !== undefined) passed[name] = value
  }
  return passed
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(bytesToText(bytes))
  } catch {
    // Not JSON at all: `undefined` is refused by the schema.
    return undefined
  }
}
