/** An answer on its way to the client: bytes untouched, a broken stream says so, then the receipt is checked and paid. COMPUTE §10.8 */
import { concatBytes, textToBytes } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import type { Bundle } from '@weightless/receipt'
import { errorBody } from '../wire/apiError.ts'
import { sseEvent } from '../wire/chatAnswer.ts'
import { ownedBody } from '../wire/ownedBody.ts'
import { acceptanceHeader, receiptHeader } from '../wire/payment.ts'
import type { Begun } from './begunAnswer.ts'
import type { Request } from './customerRequest.ts'
import { createDelivered, type Delivered } from './delivered.ts'
import type { GatewayContext } from './gatewayContext.ts'
import { ReceiptUnacceptableError } from './keepReceipts.ts'
import type { Tab } from './openTab.ts'
import type { ListedProvider } from './providerDirectory.ts'
import type { Trace } from './trace.ts'

/** What the end of the answer is told to. */
export type AnswerEnd = { left(): void; takenTokens: number }

/** An answer on its way. `bundle` resolves when its receipt is checked, kept and paid; undefined where there is no good one. */
export type Passed = { response: HttpResponse; jobId: string; bundle: Promise<Bundle | undefined> }

export function passAnswer(
  context: GatewayContext,
  request: Request,
  begun: Begun,
  trace: Trace,
  end: AnswerEnd,
): Passed {
  const { response, terms, provider, rest } = begun
  const jobId = response.headers[receiptHeader] ?? `job-${provider.address}-${terms.authorization.jobNonce}`
  const delivered = createDelivered(request.work.path, request.work.stream)
  const { finish, bundle } = settleWhenDone(context, request, begun, { jobId, delivered, end })
  const headers = { ...headersOf(begun), ...trace.headers() }
  if (begun.ended && !request.work.stream) {
    // It is all here: in one piece it costs half the calls of the system.
    const body = concatBytes(begun.first)
    delivered.add(body)
    delivered.end()
    finish()
    return { response: { status: 200, headers, body }, jobId, bundle }
  }
  const pieces = pour(context, request, begun, delivered, finish)
  const body = ownedBody(pieces, async () => {
    finish()
    await rest.return?.()
  })
  return { response: { status: 200, headers, body }, jobId, bundle }
}

/** Streams of these end with `[DONE]`, or have been cut. */
const endsWithDone = new Set<string>(['/v1/chat/completions', '/v1/completions'])

/** Every piece goes on as soon as it is here, and no faster than the client takes it. */
async function* pour(
  { env, health, metrics }: GatewayContext,
  { work, signal }: Request,
  { first, rest, ended, provider }: Begun,
  delivered: Delivered,
  finish: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for (const piece of first) {
      delivered.add(piece)
      yield piece
    }
    for (let done = ended; !done; ) {
      const next = await rest.next()
      done = next.done === true
      if (next.done) break
      delivered.add(next.value)
      yield next.value
    }
    delivered.end()
    if (work.stream && endsWithDone.has(work.path) && !delivered.isDone())
      throw new Error('the stream ended without its last event')
  } catch (fault) {
    if (!signal.aborted) {
      health.failed(provider.address)
      metrics.brokenStreams.add()
      const reason = fault instanceof Error ? fault.message : String(fault)
      env.log.warn('answer broke off', { provider: provider.address, reason })
    }
    // Nobody else goes on in the middle of an answer; a client that takes a part for the whole would be worse.
    if (!work.stream) throw fault
    const message = 'The provider broke off in the middle of its answer. What was sent before is all there is.'
    yield textToBytes(sseEvent(errorBody({ code: 'provider_error', message })))
  } finally {
    finish()
    await rest.return?.().catch(() => undefined)
  }
}

function settleWhenDone(
  context: GatewayContext,
  { customer }: Request,
  { provider, terms, tab, acceptance, release, begunAtMs }: Begun,
  { jobId, delivered, end }: { jobId: string; delivered: Delivered; end: AnswerEnd },
): { finish: () => void; bundle: Promise<Bundle | undefined> } {
  const { key } = customer
  const done = Promise.withResolvers<void>()
  const settle = async (): Promise<Bundle | undefined> => {
    await done.promise
    const overMs = context.env.clock.monotonicMs() - begunAtMs
    const differs = (bundle: Bundle) => delivered.differsFrom(bundle)
    const bundle = await tab.settleJob(terms, { jobId, acceptance, differs })
    if (bundle) noteReceipt(context, provider, bundle, overMs)
    else await tab.close(terms)
    const used = bundle ? Number(bundle.receipt.promptTokens + bundle.receipt.completionTokens) : 0
    context.rates.correct(key.id, end.takenTokens, used)
    return bundle
  }
  const settled = settle()
    .catch((fault) => blame(context, provider, tab, jobId, () => tab.leaveOpen(terms), fault))
    .finally(() => {
      release()
      context.settling.delete(jobId)
    })
  context.settling.set(jobId, { keyId: key.id, bundle: settled })
  let isOver = false
  const finish = () => {
    if (isOver) return
    isOver = true
    end.left()
    done.resolve()
  }
  return { finish, bundle: settled }
}

function noteReceipt({ metrics, health }: GatewayContext, provider: ListedProvider, bundle: Bundle, overMs: number) {
  const { promptTokens, completionTokens, fee } = bundle.receipt
  health.delivered(provider.address, Number(completionTokens), overMs)
  metrics.receipts.add()
  metrics.promptTokens.add(Number(promptTokens))
  metrics.completionTokens.add(Number(completionTokens))
  metrics.spentWei.add(Number(fee))
}

/** A provider that bills falsely is not paid and not asked again for a while; one that is away is paid later. */
function blame(
  context: GatewayContext,
  provider: ListedProvider,
  tab: Tab,
  jobId: string,
  leaveOpen: () => void,
  fault: unknown,
): undefined {
  const reason = fault instanceof Error ? fault.message : String(fault)
  context.env.log.error('job not settled', { provider: provider.address, jobId, reason })
  leaveOpen()
  if (fault instanceof ReceiptUnacceptableError) {
    context.metrics.receiptsRefused.add()
    context.health.distrust(provider.address)
  } else {
    context.health.failed(provider.address)
    void payLater(context, provider, tab)
  }
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

const passedHeaders = ['content-type', 'cache-control', receiptHeader, acceptanceHeader, 'zg-res-key', 'x-request-id']

function headersOf({ response: { headers } }: Begun): Record<string, string> {
  const passed: Record<string, string> = {}
  for (const name of passedHeaders) {
    const value = headers[name]
    if (value !== undefined) passed[name] = value
  }
  return passed
}
