/** One provider asked for one job, up to its first token: until then another can take its place, afterwards never. COMPUTE §10.3 */
import { bytesToText } from '@weightless/codec'
import { AbortedError, callLater } from '@weightless/env'
import type { ApiError } from '../wire/apiError.ts'
import { type Asked, askProvider } from './askProvider.ts'
import type { Begun } from './begunAnswer.ts'
import type { Request } from './customerRequest.ts'
import type { GatewayContext } from './gatewayContext.ts'
import { spendFault } from './keys/keyBudget.ts'
import type { ListedProvider } from './providerDirectory.ts'
import { orderFor } from './readWork.ts'

export type Attempt =
  | { kind: 'answering'; begun: Begun }
  /** The request is at fault. */
  | { kind: 'refused'; status: number; body: string }
  | { kind: 'failed' | 'busy' | 'unfunded' | 'over-budget'; error: ApiError }

export async function attemptProvider(
  context: GatewayContext,
  { customer, work, signal, nonce }: Request,
  provider: ListedProvider,
  timeMs: number,
): Promise<Attempt> {
  const { clock, log } = context.env
  const order = orderFor(work, provider, context.limits)
  const over = spendFault(context, customer, order.maxFee)
  if (over) {
    context.metrics.overBudget.add()
    return { kind: 'over-budget', error: over }
  }
  customer.heldWei += order.maxFee
  const release = () => {
    customer.heldWei -= order.maxFee
  }
  context.health.tries(provider.address)
  const startedMs = clock.monotonicMs()
  const leaving = new AbortController()
  const leave = () => leaving.abort(signal.reason)
  if (signal.aborted) leave()
  // Not `AbortSignal.any`, which takes as long as a signature.
  else signal.addEventListener('abort', leave, { once: true })
  let isLate = false
  const callOff = callLater(clock, timeMs, () => {
    isLate = true
    leaving.abort(new AbortedError())
  })
  let kept = false
  try {
    const mustAccept = work.preferences.mustAccept || context.limits.mustAccept
    const ask = { customer, order, provider, mustAccept, nonce, signal: leaving.signal }
    const asked = await askProvider(context, ask)
    const first = asked.kind === 'answering' ? await readFirst(asked, work.stream) : asked
    if (first.kind === 'refused') return first
    if (first.kind !== 'begun') {
      const failed = isLate ? { kind: 'failed' as const, reason: 'no token in time' } : first
      if (failed.kind === 'failed' && !signal.aborted) {
        context.health.failed(provider.address)
        context.metrics.attemptsFailed.add()
        log.warn('provider failed', { provider: provider.address, reason: failed.reason })
      }
      return { kind: failed.kind, error: errorOf(failed) }
    }
    kept = true
    const begunAtMs = clock.monotonicMs()
    context.health.answered(provider.address, begunAtMs - startedMs)
    context.metrics.firstTokenSeconds.observe((begunAtMs - startedMs) / 1000)
    return { kind: 'answering', begun: { provider, order, release, begunAtMs, ...first } }
  } finally {
    callOff()
    if (!kept) {
      signal.removeEventListener('abort', leave)
      release()
    }
  }
}

type Answering = Extract<Asked, { kind: 'answering' }>
type First = { kind: 'begun' } & Pick<Begun, 'response' | 'terms' | 'tab' | 'acceptance' | 'first' | 'rest' | 'ended'>

/** Whole answers are kept back to their end, as far as they are small: one that breaks off can still be had elsewhere. */
const wholeBytesMax = 1024 * 1024
/** What a stream may say before its first token. */
const preludeBytesMax = 64 * 1024

async function readFirst(asked: Answering, stream: boolean): Promise<First | { kind: 'failed'; reason: string }> {
  const { response, terms, tab, acceptance } = asked
  const rest = response.body[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  let size = 0
  let prelude = ''
  const fail = async (reason: string) => {
    // It may have worked, and may have to be paid: if so its receipt turns up when the two next agree.
    tab.leaveOpen(terms)
    await rest.return?.().catch(() => undefined)
    return { kind: 'failed', reason } as const
  }
  try {
    for (;;) {
      const { done, value } = await rest.next()
      if (done && size === 0) return await fail('it answered nothing')
      if (done) return { kind: 'begun', response, terms, tab, acceptance, first, rest, ended: true }
      first.push(value)
      size += value.length
      if (stream) {
        prelude += bytesToText(value)
        if (/^data: ?\{\s*"error"\s*:/m.test(prelude)) return await fail('it answered with an error event')
        if (hasToken(prelude) || size > preludeBytesMax) break
      } else if (size > wholeBytesMax) break
    }
    return { kind: 'begun', response, terms, tab, acceptance, first, rest, ended: false }
  } catch (fault) {
    return fail(fault instanceof Error ? fault.message : String(fault))
  }
}

/** Some servers begin with an event that only names a role. */
function hasToken(events: string): boolean {
  // Sealed: whatever it is, nobody here can look.
  if (events.includes('"_e2ee"')) return true
  if (!events.includes('chat.completion.chunk')) return events.includes('\n\n')
  return /"(content|reasoning|reasoning_content|refusal|arguments)":\s*"[^"]|"tool_calls":\s*\[|"finish_reason":\s*"/.test(
    events,
  )
}

function errorOf(asked: Extract<Asked, { kind: 'failed' | 'busy' | 'unfunded' }>): ApiError {
  if (asked.kind === 'busy') {
    return { code: 'queue_full', message: 'All providers are busy; try again in some seconds.', retryAfterSeconds: 2 }
  }
  if (asked.kind === 'unfunded') return { code: 'insufficient_balance', message: asked.message }
  return { code: 'provider_error', message: `The provider failed: ${asked.reason}.`, retryAfterSeconds: 2 }
}
