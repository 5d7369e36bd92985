/** One request to the OpenAI-shaped gateway; its refusals become typed errors that say what to do. */
import { WeightlessError } from '@weightless/codec'
import type { FetchOptions, FetchResponse } from '@weightless/env'
import type { ClientContext } from '../clientContext.ts'

const answerBytesMax = 64 * 1024 * 1024

/** @throws {GatewayRefusedError} for any status but 2xx; `NetworkError` when nothing answers */
export async function callGateway(
  { config, env, apiKey }: ClientContext,
  path: string,
  options: FetchOptions = {},
): Promise<FetchResponse> {
  const headers = { ...(apiKey && { authorization: `Bearer ${apiKey}` }), ...options.headers }
  const response = await env.network.fetch(`${config.compute.gatewayUrl}${path}`, { ...options, headers })
  if (response.status >= 200 && response.status < 300) return response
  throw await readRefusal(response)
}

/** A whole JSON answer, bounded. */
export async function getJson(context: ClientContext, path: string, signal?: AbortSignal): Promise<unknown> {
  const response = await callGateway(context, path, signal ? { signal } : {})
  return response.json(answerBytesMax)
}

async function readRefusal(response: FetchResponse): Promise<GatewayRefusedError> {
  const { message, code } = readErrorText(await response.text(64 * 1024).catch(() => ''))
  return new GatewayRefusedError({ status: response.status, reason: code }, message)
}

/** What a refusal in OpenAI's form says, or the beginning of whatever else it is. */
export function readErrorText(text: string): { message: string; code: string | undefined } {
  let message = text.slice(0, 400)
  let code: string | undefined
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown; code?: unknown } }
    if (typeof error?.message === 'string') message = error.message
    if (typeof error?.code === 'string') code = error.code
  } catch {
    // Not JSON: the text itself is the best there is to say.
  }
  return { message, code }
}

const hints: { readonly [status: number]: string } = {
  401: 'Give the API key of this network.',
  402: 'Deposit funds for this provider, then ask again.',
  404: 'Choose one of the models that the gateway lists.',
  413: 'Shorten the conversation.',
  429: 'Wait a moment, then ask again.',
  502: 'The provider failed; ask again or choose another one.',
  503: 'The model is still opening; try again in a moment.',
}

const receiptHint = 'Check its id, and that the API key is the one that asked; receipts are kept for a limited time.'

export class GatewayRefusedError extends WeightlessError {
  readonly status: number
  constructor(facts: { status: number; reason: string | undefined }, message: string) {
    const hint = facts.reason === 'receipt_not_found' ? receiptHint : hints[facts.status]
    super('sdk/gateway-refused', message || `The gateway answered ${facts.status}.`, facts, hint ? { hint } : {})
    this.status = facts.status
  }
}
