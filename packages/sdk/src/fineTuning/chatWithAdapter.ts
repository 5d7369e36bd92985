/**
 * A chat with an adapter of one's own: asked of the provider itself, under a token of the account that had it trained, because
 * nobody else may use it. Paid on the provider's word (COMPUTE §8.3), as every client of the existing SDK pays; receipted all the same.
 */
import { type Hex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { FetchOptions, FetchResponse } from '@weightless/env'
import { type LedgerAccount, TransactionRevertedError } from '@weightless/ledger'
import { bearerOf } from '../account/bearerOf.ts'
import { readErrorText } from '../chat/callGateway.ts'
import { type ChatEvent, readChatAnswer } from '../chat/readChatAnswer.ts'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { type Bundle, readReceivedBundle } from '../receipts/openReceipts.ts'

export type AdapterChat = {
  provider: Hex
  /** As the provider names it: `adapterModel(base, task)`. */
  model: string
  messages: readonly { role: 'system' | 'user' | 'assistant'; content: string }[]
  maxTokens?: number
  temperature?: number
  topP?: number
}

/** Requests of one account to the inference side of providers. */
export type AdapterCaller = (provider: Hex, path: string, options?: FetchOptions) => Promise<FetchResponse>

const tokenMs = 600_000
const tokensMax = 16
const bundleBytesMax = 64 * 1024 * 1024

/** Signs a token for each provider, and again when it is about to run out: a wallet is not asked for every question. */
export function createAdapterCaller(context: ClientContext, user: () => LedgerAccount): AdapterCaller {
  const tokens = new Map<string, { bearer: string; untilMs: number }>()
  const { clock, network } = context.env

  async function bearerFor(provider: Hex, generation: bigint): Promise<string> {
    const key = `${user().address} ${provider} ${generation}`
    const known = tokens.get(key)
    if (known && known.untilMs > clock.nowMs()) return known.bearer
    const bearer = await bearerOf(context, user(), { provider, generation, lastsMs: tokenMs })
    if (tokens.size >= tokensMax) tokens.delete(tokens.keys().next().value!)
    tokens.set(key, { bearer, untilMs: clock.nowMs() + tokenMs * 0.9 })
    return bearer
  }

  return async (provider, path, options = {}) => {
    const { url, generation } = await readProvider(context, user().address, provider)
    const headers = { ...options.headers, authorization: await bearerFor(provider, generation) }
    const response = await network.fetch(`${url}${path}`, { ...options, headers })
    if (response.status === 200) return response
    throw new ProviderRefusedError({ provider, status: response.status }, await response.text(65_536))
  }
}

/** @throws {ProviderRefusedError} nothing set aside there for inference, no such adapter @throws {AnswerBrokenError} */
export async function* chatWithAdapter(
  call: AdapterCaller,
  { provider, model, messages, maxTokens = 256, temperature = 0, topP }: AdapterChat,
  signal?: AbortSignal,
): AsyncGenerator<ChatEvent, void, undefined> {
  const body = { model, messages, max_tokens: maxTokens, temperature, ...(topP !== undefined && { top_p: topP }) }
  const response = await call(provider, '/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
    ...(signal && { signal }),
  })
  yield* readChatAnswer(response)
}

/** Receipt and opening of such an answer. @throws {ProviderRefusedError} {BundleMalformedError} */
export async function readAdapterReceipt(
  call: AdapterCaller,
  provider: Hex,
  receiptId: string,
  signal?: AbortSignal,
): Promise<Bundle> {
  const response = await call(provider, `/v1/receipts/${encodeURIComponent(receiptId)}`, signal ? { signal } : {})
  return readReceivedBundle(receiptId, await response.json(bundleBytesMax))
}

async function readProvider({ ledger, config }: ClientContext, user: Hex, provider: Hex) {
  const at = { address: contractAddress(config, 'inferenceServing'), abi: abis.inferenceServing } as const
  const { url } = await ledger.read({ ...at, functionName: 'getService', args: [provider] })
  try {
    const { generation } = await ledger.read({ ...at, functionName: 'getAccount', args: [user, provider] })
    return { url: url.replace(/\/+$/, ''), generation }
  } catch (fault) {
    const isNew = fault instanceof TransactionRevertedError && fault.reason.errorName === 'AccountNotExists'
    if (!isNew) throw fault
    return { url: url.replace(/\/+$/, ''), generation: 0n }
  }
}

const hints: { readonly [status: number]: string } = {
  402: 'Set some of the ledger aside for this provider first: client.account.fundProvider.',
  404: 'An adapter answers the account that had it trained alone, from the moment it is paid.',
  503: 'Another adapter answers just now; ask again in a moment.',
}

export class ProviderRefusedError extends WeightlessError {
  readonly status: number

  constructor(facts: { provider: Hex; status: number }, body: string) {
    const hint = hints[facts.status]
    const message = readErrorText(body).message || `The provider answered ${facts.status}.`
    super('sdk/provider-refused', message, facts, hint === undefined ? {} : { hint })
    this.status = facts.status
  }
}
