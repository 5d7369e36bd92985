/** One attempt to have a request answered by one provider, put right where that can be done without asking anybody. COMPUTE §10.2 */
import { bytesToHex } from '@weightless/codec'
import { type FetchResponse, NetworkError } from '@weightless/env'
import { LedgerUnreachableError } from '@weightless/ledger'
import { inputHash, requestHash, samplerHash } from '@weightless/receipt'
import type { ChatRequest } from '../wire/chatRequest.ts'
import { encodeTerms, type JobTerms, jobNonceHeader, termsHeader } from '../wire/payment.ts'
import { ProviderRefusedError } from './callProvider.ts'
import { BalanceShortError } from './fundTab.ts'
import type { Customer, GatewayContext } from './gatewayContext.ts'
import type { Tab } from './openTab.ts'
import type { ListedProvider } from './providerDirectory.ts'
import type { JobQuote } from './quoteJob.ts'

export type Ask = {
  customer: Customer
  request: ChatRequest
  /** The client's JSON, which goes on as it came but for the limit of tokens. */
  body: Record<string, unknown>
  signal: AbortSignal
}

export type Asked =
  | { kind: 'answering'; response: FetchResponse; terms: JobTerms; tab: Tab }
  /** The request is at fault; another provider would say the same. */
  | { kind: 'refused'; status: number; body: string }
  | { kind: 'failed'; reason: string }
  /** Its queue is full, or this user's part of it. */
  | { kind: 'busy' }
  | { kind: 'unfunded'; message: string }

/** Times that a refusal which we can put right is put right. */
const repairsMax = 6
const voucherWaitMs = 250

export async function askProvider(
  context: GatewayContext,
  ask: Ask,
  provider: ListedProvider,
  quote: JobQuote,
): Promise<Asked> {
  const { customer, signal } = ask
  const tab = customer.tabOf(provider)
  try {
    for (let repair = 0; repair < repairsMax; repair++) {
      const agreement = await agree(tab, customer, provider, quote.maxFee)
      if (agreement === 'funded') continue
      const terms = await authorize(context, ask, tab, quote)
      const response = await tab.caller.fetch('/v1/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json', [termsHeader]: encodeTerms(terms) },
        body: JSON.stringify({ ...ask.body, max_tokens: undefined, max_completion_tokens: quote.maxTokens }),
        signal,
      })
      if (response.status === 200) return { kind: 'answering', response, terms, tab }
      const body = await response.text(65_536)
      const outcome = await putRight(context, customer, provider, tab, quote, response, body)
      if (outcome) return outcome
    }
    return { kind: 'failed', reason: 'it keeps refusing' }
  } catch (fault) {
    return outcomeOf(fault)
  }
}

/** Opens the account with the provider if there is none yet. */
async function agree(tab: Tab, customer: Customer, provider: ListedProvider, needWei: bigint) {
  try {
    await tab.agree()
    return 'agreed'
  } catch (fault) {
    if (!(fault instanceof ProviderRefusedError) || fault.status !== 402) throw fault
    await customer.funder.fund(provider.address, needWei)
    return 'funded'
  }
}

function authorize(context: GatewayContext, { request }: Ask, tab: Tab, quote: JobQuote): Promise<JobTerms> {
  const { temperature, topP, messages, stop } = request
  const [salt, nonce] = [bytesToHex(context.env.random.bytes(32)), bytesToHex(context.env.random.bytes(32))]
  const sampler = samplerHash({ temperature, topP, maxTokens: quote.maxTokens })
  const hash = inputHash(requestHash(messages, stop, sampler), salt)
  return tab.authorize({ requestHash: hash, salt, nonce, maxFee: quote.maxFee })
}

/** Undefined when the same provider should be asked again. */
async function putRight(
  context: GatewayContext,
  customer: Customer,
  provider: ListedProvider,
  tab: Tab,
  quote: JobQuote,
  { status, headers }: FetchResponse,
  body: string,
): Promise<Asked | undefined> {
  const code = codeOf(body)
  if (code === 'insufficient_balance') {
    await customer.funder.fund(provider.address, quote.maxFee)
    return undefined
  }
  if (code === 'job_nonce_used') {
    const next = headers[jobNonceHeader]
    tab.raiseJobNonce(next && /^\d{1,17}$/.test(next) ? BigInt(next) : 0n)
    return undefined
  }
  if (code === 'token_expired' || code === 'token_revoked' || code === 'invalid_api_key') {
    tab.caller.forgetToken()
    return undefined
  }
  if (code === 'voucher_missing') {
    // Answers that have just ended are paid in a moment, in the background.
    await context.env.clock.sleep(voucherWaitMs)
    await tab.payUp()
    return undefined
  }
  if (code === 'price_changed') {
    context.directory.forget()
    return { kind: 'failed', reason: 'its price has just changed' }
  }
  if (status === 429) return { kind: 'busy' }
  if (status >= 400 && status < 500 && status !== 402 && status !== 408) {
    return { kind: 'refused', status, body }
  }
  return { kind: 'failed', reason: `it answered ${status} ${code}` }
}

function outcomeOf(fault: unknown): Asked {
  if (fault instanceof BalanceShortError) return { kind: 'unfunded', message: fault.message }
  if (
    fault instanceof NetworkError ||
    fault instanceof ProviderRefusedError ||
    fault instanceof LedgerUnreachableError
  ) {
    return { kind: 'failed', reason: fault.message }
  }
  throw fault
}

export function codeOf(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: unknown } }
    return typeof error?.code === 'string' ? error.code : ''
  } catch {
    return ''
  }
}
