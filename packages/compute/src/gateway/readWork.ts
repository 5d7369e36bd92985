/** A request for inference as the gateway sees it: for which models, at what most, and which providers can serve it. COMPUTE §10.3 */
import { bytesToText, type Hex, textToBytes, type Verdict } from '@weightless/codec'
import type { HttpHeaders } from '@weightless/env'
import { requestHash, samplerHash } from '@weightless/receipt'
import type { ApiError, ApiErrorCode } from '../wire/apiError.ts'
import { type ChatRequest, readChatRequest } from '../wire/chatRequest.ts'
import { isExact } from './choice/orderProviders.ts'
import { type Preferences, readPreferences } from './choice/preferences.ts'
import type { GatewayLimits } from './gatewayOptions.ts'
import type { ListedProvider } from './providerDirectory.ts'
import { quoteJob } from './quoteJob.ts'

export type Work = {
  path: string
  /** In the order in which they are wanted. */
  models: readonly string[]
  preferences: Preferences
  stream: boolean
  /** Tokens that it may use, for the limits per minute; its receipt puts that right. */
  tokensGuess: number
  /** What an exact engine can be asked. */
  chat: { ok: true; value: ChatRequest } | { ok: false; error: ApiError }
  json: Readonly<Record<string, unknown>>
}

/** The work as one provider gets it. */
export type Order = { path: string; contentType: string; bytes: Uint8Array; requestHash: Hex; maxFee: bigint }

type WorkVerdict = Verdict<Work> & { error?: ApiError }

const modelsMax = 8
/** English has some four characters a token. */
const bytesPerToken = 4

export function readWork(
  { path, headers }: { path: string; headers: HttpHeaders },
  bytes: Uint8Array,
  limits: GatewayLimits,
): WorkVerdict {
  const body = parseJson(bytes)
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return refuse('invalid_request', 'The body must be a JSON object.')
  }
  const { models: wanted, provider, ...json } = body as Record<string, unknown>
  const models = readModels(json.model, wanted)
  if (!models) return refuse('invalid_value', `'models' must be a list of up to ${modelsMax} names.`, 'models')
  const preferences = readPreferences(headers, provider)
  if (!preferences.ok) return preferences
  const read = readChatRequest({ ...json, model: models[0] })
  const chat = read.ok ? read : { ok: false as const, error: read.error! }
  const outputGuess = (chat.ok ? chat.value.maxTokens : undefined) ?? limits.defaultMaxTokens
  return {
    ok: true,
    value: {
      path,
      models,
      preferences: preferences.value,
      stream: json.stream === true,
      tokensGuess: Math.ceil(bytes.length / bytesPerToken) + outputGuess,
      chat,
      json,
    },
  }
}

/** Never sends to a provider what it would have to refuse or, worse, leave out. */
export function canServe(work: Work, provider: ListedProvider): boolean {
  return isExact(provider) && work.chat.ok && provider.services.includes('chat')
}

/** Why nobody can, when providers of the model there are. */
export function unservable(work: Work): ApiError {
  if (!work.chat.ok) return work.chat.error
  return { code: 'no_available_provider', message: 'No provider of this model offers this service.' }
}

export function orderFor(work: Work, provider: ListedProvider, limits: GatewayLimits): Order {
  if (!work.chat.ok) throw new TypeError('an order for a provider that cannot serve it')
  const { value: request } = work.chat
  const { maxTokens, maxFee } = quoteJob(request, provider, limits.defaultMaxTokens)
  const { temperature, topP, messages, stop } = request
  const sampler = samplerHash({ temperature, topP, maxTokens })
  const { max_tokens: _, ...json } = work.json
  const sent = { ...json, model: provider.model, max_completion_tokens: maxTokens }
  return {
    path: work.path,
    contentType: 'application/json',
    bytes: textToBytes(JSON.stringify(sent)),
    requestHash: requestHash(messages, stop, sampler),
    maxFee,
  }
}

function readModels(model: unknown, models: unknown): string[] | undefined {
  const isName = (name: unknown): name is string => typeof name === 'string' && name !== '' && name.length <= 256
  const first = isName(model) ? [model] : []
  if (models === undefined || models === null) return first
  if (!Array.isArray(models) || models.length > modelsMax || !models.every(isName)) return undefined
  return [...new Set([...first, ...models])]
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(bytesToText(bytes))
  } catch {
    // Not JSON at all, which the caller says.
    return undefined
  }
}

function refuse(code: ApiErrorCode, message: string, param?: string) {
  const error: ApiError = { code, message, ...(param ? { param } : {}) }
  return { ok: false, code, action: 'reject', detail: message, error } as const
}
