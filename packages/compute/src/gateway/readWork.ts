/** A request for inference as the gateway sees it: for which models, at what most, and which providers can serve it. COMPUTE §10.3 */
import { bytesToHex, type Hex, textToBytes, type Verdict } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { HttpHeaders } from '@weightless/env'
import { bodyRequestHash, feeOf } from '@weightless/receipt'
import type { ApiError, ApiErrorCode } from '../wire/apiError.ts'
import { type BodyRequest, readBodyJson, readBodyRequest, unitsMax } from '../wire/bodyRequest.ts'
import type { ChatRequest } from '../wire/chatRequest.ts'
import { hashChatRequest } from '../wire/commitRequest.ts'
import { formOf, isExactPath, readExactRequest } from '../wire/exactRequest.ts'
import { parseJson } from '../wire/parseJson.ts'
import { type ServicePath, serviceOf } from '../wire/services.ts'
import { isExact } from './choice/orderProviders.ts'
import { type Preferences, readPreferences } from './choice/preferences.ts'
import type { GatewayLimits } from './gatewayOptions.ts'
import type { ListedProvider } from './providerDirectory.ts'
import { quoteJob } from './quoteJob.ts'

export type Work = {
  path: ServicePath
  /** In the order in which they are wanted. */
  models: readonly string[]
  preferences: Preferences
  stream: boolean
  /** Tokens that it may use, for the limits per minute; its receipt puts that right. */
  tokensGuess: number
  /** What an exact engine can be asked. */
  chat: { ok: true; value: ChatRequest } | { ok: false; error: ApiError }
  /** What an upstream can be asked, of whatever service. */
  body: { ok: true; value: BodyRequest } | { ok: false; error: ApiError }
  json: Readonly<Record<string, unknown>>
  /** The one provider that can read it, where it is sealed. */
  sealedFor: string | undefined
  /** A form goes on as it came. */
  form: { contentType: string; bytes: Uint8Array } | undefined
}

/** The work as one provider gets it. */
export type Order = { path: string; contentType: string; bytes: Uint8Array; requestHash: Hex; maxFee: bigint }

type WorkVerdict = Verdict<Work> & { error?: ApiError }

const modelsMax = 8
/** English has some four characters a token. */
const bytesPerToken = 4

export function readWork(
  { path, headers }: { path: ServicePath; headers: HttpHeaders },
  bytes: Uint8Array,
  limits: GatewayLimits,
): WorkVerdict {
  if (isForm(headers)) return readFormWork(path, headers, bytes)
  const json = parseJson(bytes)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return refuse('invalid_request', 'The body must be a JSON object.')
  }
  const { models: wanted, provider, ...rest } = json as Record<string, unknown>
  const models = readModels(rest.model, wanted)
  if (!models) return refuse('invalid_value', `'models' must be a list of up to ${modelsMax} names.`, 'models')
  const preferences = readPreferences(headers, provider)
  if (!preferences.ok) return preferences
  const asked = { ...rest, model: models[0] }
  let chat: Work['chat'] | undefined
  const body = readBodyJson(path, asked, bytes.length)
  const outputGuess = (body.ok ? body.value.maxTokens : undefined) ?? limits.defaultMaxTokens
  return {
    ok: true,
    value: {
      path,
      models,
      preferences: preferences.value,
      stream: rest.stream === true,
      tokensGuess: Math.ceil(bytes.length / bytesPerToken) + outputGuess,
      // Read where an exact engine might take it.
      get chat() {
        chat ??= chatOf(path, asked)
        return chat
      },
      body: body.ok ? body : { ok: false, error: body.error! },
      json: rest,
      sealedFor: recipientOf(rest),
      form: undefined,
    },
  }
}

function chatOf(path: ServicePath, json: Record<string, unknown>): Work['chat'] {
  const read = readExactRequest(path, json)
  return read.ok ? read : { ok: false, error: read.error! }
}

export const isForm = (headers: HttpHeaders): boolean => /^multipart\/form-data\b/i.test(headers['content-type'] ?? '')

function readFormWork(path: ServicePath, headers: HttpHeaders, bytes: Uint8Array): WorkVerdict {
  const contentType = headers['content-type']!
  const body = readBodyRequest(path, contentType, bytes)
  if (!body.ok) return body
  const preferences = readPreferences(headers, undefined)
  if (!preferences.ok) return preferences
  const { model, stream } = body.value
  const error: ApiError = { code: 'invalid_request', message: 'A chat is JSON.' }
  return {
    ok: true,
    value: {
      path,
      models: [model],
      preferences: preferences.value,
      stream,
      // Sound and pictures are not counted in tokens.
      tokensGuess: 1,
      chat: { ok: false, error },
      body,
      json: {},
      sealedFor: undefined,
      form: { contentType, bytes },
    },
  }
}

/** Never sends to a provider what it would have to refuse or, worse, leave out. */
export function canServe(work: Work, provider: ListedProvider): boolean {
  if (!provider.services.includes(serviceOf(work.path))) return false
  const { sealedFor } = work
  const { level } = work.preferences.verification
  // Nobody can execute again what is sealed, or what is no run.
  if (level !== 'none' && (sealedFor !== undefined || !isExactPath(work.path))) return false
  if (sealedFor !== undefined) {
    return sealedFor === provider.address && provider.encryptionKey !== undefined && maySeal(work)
  }
  // Private is a hard constraint: what is in the clear goes to nobody.
  if (work.preferences.trustMode === 'private') return false
  return isExact(provider) ? work.chat.ok : work.body.ok
}

const chatPath = '/v1/chat/completions'

/** A limit of tokens cannot be put into a sealed request on the way, and without one its price has no bound. */
function maySeal({ path, body }: Work): boolean {
  return path === chatPath && body.ok && body.value.maxTokens !== undefined
}

function recipientOf({ _e2ee: meta }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof meta !== 'object' || meta === null) return undefined
  const { signer_addr: signer } = meta as { signer_addr?: unknown }
  return typeof signer === 'string' ? signer.toLowerCase() : ''
}

/** Why nobody can, when providers of the model there are. */
export function unservable(work: Work): ApiError {
  const { level } = work.preferences.verification
  if (level !== 'none' && (work.sealedFor !== undefined || !isExactPath(work.path))) {
    const message = `Only chats, prompts and responses in the clear can be checked (${level}); this is sent to nobody.`
    return { code: 'no_available_provider', message }
  }
  if (work.sealedFor !== undefined) {
    const message =
      'A sealed request is a chat with max_tokens, for a provider that takes sealed requests; it is not sent to any other.'
    return { code: 'no_available_provider', message }
  }
  if (work.preferences.trustMode === 'private') {
    return {
      code: 'no_available_provider',
      message: 'Only sealed requests are private; this one is not sent to anybody.',
    }
  }
  if (isExactPath(work.path) && !work.chat.ok) return work.chat.error
  if (!work.body.ok) return work.body.error
  return { code: 'no_available_provider', message: 'No provider of this model offers this service.' }
}

export function orderFor(work: Work, provider: ListedProvider, limits: GatewayLimits): Order {
  if (!isExact(provider) || work.sealedFor !== undefined) return orderBytes(work, provider, limits)
  if (!work.chat.ok || !isExactPath(work.path)) throw new TypeError('an order for a provider that cannot serve it')
  const { value: request } = work.chat
  const { maxTokens, maxFee } = quoteJob(request, provider, limits.defaultMaxTokens)
  const { max_tokens: _, ...json } = work.json
  const sent = { ...json, model: provider.model, [formOf(work.path).limitField]: maxTokens }
  return {
    path: work.path,
    contentType: 'application/json',
    bytes: textToBytes(JSON.stringify(sent)),
    requestHash: hashChatRequest(request, maxTokens),
    maxFee,
  }
}

/** Fields that hold the limit of tokens, where there is one. */
const limitFields: Partial<Record<ServicePath, string>> = {
  '/v1/chat/completions': 'max_tokens',
  '/v1/completions': 'max_tokens',
  '/v1/responses': 'max_output_tokens',
}

/** COMPUTE §11: the bytes are what the receipt is about, and the limit of tokens, which bounds the fee, is in them. */
function orderBytes(work: Work, provider: ListedProvider, limits: GatewayLimits): Order {
  if (!work.body.ok) throw new TypeError('an order for a provider that cannot serve it')
  const { path } = work
  const { contextLength } = provider
  const { defaultMaxTokens } = limits
  const limitField = work.body.value.maxTokens === undefined ? limitFields[path] : undefined
  const limit = limitField === undefined ? {} : { [limitField]: defaultMaxTokens }
  const { contentType, bytes } = work.form ?? {
    contentType: 'application/json',
    bytes: textToBytes(JSON.stringify({ ...work.json, ...limit, model: provider.model })),
  }
  const { maxTokens = limitField === undefined ? undefined : defaultMaxTokens } = work.body.value
  const sent = { ...work.body.value, maxTokens, sizeBytes: bytes.length }
  const units = unitsMax(sent, { contextLength, defaultMaxTokens })
  return {
    path,
    contentType,
    bytes,
    requestHash: bodyRequestHash(path, bytesToHex(sha256(bytes))),
    maxFee: feeOf(provider.price, units),
  }
}

function readModels(model: unknown, models: unknown): string[] | undefined {
  const isName = (name: unknown): name is string => typeof name === 'string' && name !== '' && name.length <= 256
  const first = isName(model) ? [model] : []
  if (models === undefined || models === null) return first
  if (!Array.isArray(models) || models.length > modelsMax || !models.every(isName)) return undefined
  return [...new Set([...first, ...models])]
}

function refuse(code: ApiErrorCode, message: string, param?: string) {
  const error: ApiError = { code, message, ...(param ? { param } : {}) }
  return { ok: false, code, action: 'reject', detail: message, error } as const
}
