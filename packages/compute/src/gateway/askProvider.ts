/** One attempt to have a request answered by one provider, put right where that can be done without asking anybody. COMPUTE §10.3 */
import { bytesToHex, type Hex } from '@weightless/codec'
import { AbortedError, BodyTooLargeError, type FetchResponse, NetworkError } from '@weightless/env'
import { LedgerUnreachableError } from '@weightless/ledger'
import type { Acceptance } from '@weightless/receipt'
import { ZodError } from 'zod'
import {
  acceptanceHeader,
  acceptHeader,
  encodeTerms,
  type JobTerms,
  jobNonceHeader,
  termsHeader,
} from '../wire/payment.ts'
import { ProviderRefusedError } from './callProvider.ts'
import { BalanceShortError } from './fundTab.ts'
import type { Customer, GatewayContext } from './gatewayContext.ts'
import { ReceiptUnacceptableError } from './keepReceipts.ts'
import { type Tab, TabDisputedError } from './openTab.ts'
import type { ListedProvider } from './providerDirectory.ts'
import type { Order } from './readWork.ts'

export type Ask = {
  customer: Customer
  order: Order
  provider: ListedProvider
  /** The provider must accept the job before it begins. */
  mustAccept: boolean
  /** Seeds the sampler where the request has no seed; drawn where it is undefined. */
  nonce: Hex | undefined
  signal: AbortSignal
}

export type Asked =
  | { kind: 'answering'; response: FetchResponse; terms: JobTerms; tab: Tab; acceptance: Acceptance | undefined }
  /** The request is at fault; another provider would say the same. */
  | { kind: 'refused'; status: number; body: string }
  | { kind: 'failed'; reason: string }
  /** Its queue is full, or this user's part of it. */
  | { kind: 'busy' }
  | { kind: 'unfunded'; message: string }

/** Times that a refusal which we can put right is put right. */
const repairsMax = 6
const voucherWaitMs = 250

/** Nothing is left running or signed for when this ends without an answer, but for jobs of which nobody knows. */
export async function askProvider(context: GatewayContext, ask: Ask): Promise<Asked> {
  const { customer, signal, order, provider } = ask
  const tab = customer.payer.tabOf(provider)
  let terms: JobTerms | undefined
  try {
    for (let repair = 0; repair < repairsMax; repair++) {
      const agreement = await agree(tab, customer, provider, order.maxFee)
      if (agreement === 'funded') continue
      terms = await authorize(context, ask, tab)
      const response = await tab.caller.fetch(order.path, {
        method: 'POST',
        headers: {
          'content-type': order.contentType,
          [termsHeader]: encodeTerms(terms),
          ...(ask.mustAccept && { [acceptHeader]: '1' }),
        },
        body: order.bytes,
        signal,
      })
      if (response.status === 200) return await begin(ask, response, terms, tab)
      await tab.close(terms)
      terms = undefined
      const body = await response.text(65_536)
      const outcome = await putRight(context, ask, tab, response, body)
      if (outcome) return outcome
    }
    return { kind: 'failed', reason: 'it keeps refusing' }
  } catch (fault) {
    if (terms && mayHaveArrived(fault)) tab.leaveOpen(terms)
    else if (terms) await tab.close(terms)
    return outcomeOf(fault)
  }
}

/** An answer without the acceptance that was asked for is none: nobody gets to see it. */
async function begin({ mustAccept }: Ask, response: FetchResponse, terms: JobTerms, tab: Tab): Promise<Asked> {
  const acceptance = mustAccept ? tab.acceptanceOf(terms, response.headers[acceptanceHeader]) : undefined
  if (!mustAccept || acceptance) return { kind: 'answering', response, terms, tab, acceptance }
  tab.leaveOpen(terms)
  await response.body[Symbol.asyncIterator]().return?.()
  return { kind: 'failed', reason: 'it did not accept the job before it began' }
}

/** Opens the account with the provider if there is none yet. */
async function agree(tab: Tab, { payer }: Customer, provider: ListedProvider, needWei: bigint) {
  try {
    await tab.agree()
    return 'agreed'
  } catch (fault) {
    if (!(fault instanceof ProviderRefusedError) || fault.status !== 402) throw fault
    await payer.funder.fund(provider.address, needWei)
    return 'funded'
  }
}

function authorize({ env }: GatewayContext, { order, customer, nonce: given }: Ask, tab: Tab): Promise<JobTerms> {
  const nonce = given ?? bytesToHex(env.random.bytes(32))
  return tab.authorize({ request: order.requestHash, nonce, maxFee: order.maxFee, keyId: customer.key.id })
}

/** Undefined when the same provider should be asked again. */
async function putRight(
  context: GatewayContext,
  { customer, provider, order }: Ask,
  tab: Tab,
  { status, headers }: FetchResponse,
  body: string,
): Promise<Asked | undefined> {
  const code = codeOf(body)
  if (code === 'insufficient_balance') {
    await customer.payer.funder.fund(provider.address, order.maxFee)
    return undefined
  }
  if (code === 'job_nonce_used') {
    const next = headers[jobNonceHeader]
    tab.raiseJobNonce(next && /^\d{1,17}$/.test(next) ? BigInt(next) : 0n)
    return undefined
  }
  if (code === 'authorization_unsigned') {
    tab.signAll()
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
  // What is wrong with the request would be wrong everywhere; all else is between this provider and us.
  if ([400, 413, 415, 422].includes(status) && code !== 'invalid_authorization') {
    return { kind: 'refused', status, body }
  }
  return { kind: 'failed', reason: `it answered ${status} ${code}` }
}

/** Whether the provider can have seen the request: else its job is as if it had never been. */
function mayHaveArrived(fault: unknown): boolean {
  // The token is made before anything is sent.
  if (fault instanceof LedgerUnreachableError) return false
  return !(fault instanceof NetworkError && fault.isUnsent)
}

function outcomeOf(fault: unknown): Asked {
  if (fault instanceof BalanceShortError) return { kind: 'unfunded', message: fault.message }
  if (
    fault instanceof NetworkError ||
    fault instanceof ProviderRefusedError ||
    fault instanceof LedgerUnreachableError ||
    fault instanceof TabDisputedError ||
    fault instanceof ReceiptUnacceptableError ||
    fault instanceof BodyTooLargeError ||
    fault instanceof AbortedError ||
    // It answered what no provider answers.
    fault instanceof ZodError ||
    fault instanceof SyntaxError
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
