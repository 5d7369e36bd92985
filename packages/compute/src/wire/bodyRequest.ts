/**
 * A request that is passed on as bytes: what concerns money and safety is read, all else is left alone. Gateway and
 * provider compute the most that it can cost by the same functions. Spec: COMPUTE §11.1, §11.2
 */
import { accept, type Verdict } from '@weightless/codec'
import type { ApiError, ApiErrorCode } from './apiError.ts'
import { audioSecondsMax, likelySeconds, speechSeconds } from './audioLength.ts'
import { findUnsafe } from './findUnsafe.ts'
import { readFormFields } from './formFields.ts'
import { parseJsonObject } from './parseJson.ts'
import { type ServiceName, type ServicePath, serviceOf } from './services.ts'

export type BodyRequest = {
  path: ServicePath
  service: ServiceName
  model: string
  stream: boolean
  /** The client itself wants the usage at the end of the stream. */
  includeUsage: boolean
  /** Answers of each prompt, `n`. */
  answers: number
  /** Prompts, or inputs to be embedded, in the one request. */
  prompts: number
  /** Tokens of each answer; undefined: as many as the provider allows. */
  maxTokens: number | undefined
  sizeBytes: number
  /** Seconds of sound at most, for the audio services. */
  seconds: number
  /** Billed where nobody tells how many they are. */
  likelySeconds: number
  /** Undefined for multipart forms. */
  json: Readonly<Record<string, unknown>> | undefined
  /** Where the model's name stands in a multipart form. */
  modelAt: { start: number; end: number } | undefined
}

/** Units of the price, RECEIPT §4.8. */
export type Units = { promptTokens: bigint; completionTokens: bigint }

const answersMax = 16
const promptsMax = 2_048
const tokensMax = 0x7fffffff

export function readBodyRequest(
  path: ServicePath,
  contentType: string,
  bytes: Uint8Array,
): Verdict<BodyRequest> & { error?: ApiError } {
  return /^multipart\/form-data\b/i.test(contentType)
    ? readForm(path, contentType, bytes)
    : readJsonRequest(path, bytes)
}

/** COMPUTE §11.2: the most units that the request can cost. */
export function unitsMax(request: BodyRequest, model: { contextLength: number; defaultMaxTokens: number }): Units {
  const { service, answers, prompts, maxTokens = model.defaultMaxTokens, sizeBytes } = request
  const context = model.contextLength > 0 ? model.contextLength : tokensMax
  if (service === 'images') return { promptTokens: 0n, completionTokens: BigInt(answers) }
  if (service === 'audio') return { promptTokens: BigInt(request.seconds), completionTokens: 0n }
  // Every token of a byte-level vocabulary stands for at least one byte of the request.
  const promptTokens = BigInt(Math.min(context * prompts, sizeBytes))
  if (service === 'embeddings') return { promptTokens, completionTokens: 0n }
  return { promptTokens, completionTokens: BigInt(answers * prompts) * BigInt(Math.min(maxTokens, context)) }
}

function readJsonRequest(path: ServicePath, bytes: Uint8Array): Verdict<BodyRequest> & { error?: ApiError } {
  const json = parseJsonObject(bytes)
  return json ? readBodyJson(path, json, bytes.length) : refuse('invalid_json', 'The body must be a JSON object.')
}

/** For whoever has parsed the body already. */
export function readBodyJson(
  path: ServicePath,
  json: Readonly<Record<string, unknown>>,
  sizeBytes: number,
): Verdict<BodyRequest> & { error?: ApiError } {
  const unsafe = findUnsafe(json)
  if (unsafe) return refuse(unsafe.code, unsafe.message, unsafe.param)
  const { model, stream, n, stream_options: streamOptions } = json
  if (typeof model !== 'string' || model === '' || model.length > 256) {
    return refuse('invalid_value', "Missing required parameter: 'model'.", 'model')
  }
  if (!isAbsent(stream) && typeof stream !== 'boolean') return refuseValue('stream')
  if (!isAbsent(n) && !isCount(n, answersMax)) return refuseValue('n')
  if (!isAbsent(streamOptions) && (typeof streamOptions !== 'object' || Array.isArray(streamOptions))) {
    return refuseValue('stream_options')
  }
  for (const name of tokenLimits) {
    if (!isAbsent(json[name]) && !isCount(json[name], tokensMax)) return refuseValue(name)
  }
  const prompts = countPrompts(path, json)
  if (prompts === undefined || prompts > promptsMax) return refuseValue(path === '/v1/embeddings' ? 'input' : 'prompt')
  const limits = tokenLimits.map((name) => json[name]).filter((value) => typeof value === 'number')
  return accept({
    path,
    service: serviceOf(path),
    model,
    stream: stream === true,
    includeUsage: (streamOptions as { include_usage?: unknown } | null | undefined)?.include_usage === true,
    answers: typeof n === 'number' ? n : 1,
    prompts,
    // Where both are given, servers differ in which one they follow.
    maxTokens: limits.length > 0 ? Math.max(...limits) : undefined,
    sizeBytes,
    seconds: path === '/v1/audio/speech' ? speechSeconds(json.input) : 0,
    likelySeconds: path === '/v1/audio/speech' ? speechSeconds(json.input) : 0,
    json,
    modelAt: undefined,
  })
}

const tokenLimits = ['max_completion_tokens', 'max_tokens', 'max_output_tokens'] as const

function readForm(
  path: ServicePath,
  contentType: string,
  bytes: Uint8Array,
): Verdict<BodyRequest> & { error?: ApiError } {
  if (path !== '/v1/audio/transcriptions' && path !== '/v1/images/edits') {
    return refuse('invalid_request', 'This path takes JSON.')
  }
  const form = readFormFields(contentType, bytes)
  if (!form) return refuse('invalid_request', 'The form is malformed.')
  const model = form.fields.get('model')
  if (!model || model.text === '' || model.text.length > 256) {
    return refuse('invalid_value', "Missing required parameter: 'model'.", 'model')
  }
  const answers = form.fields.get('n')?.text ?? '1'
  if (!/^\d{1,2}$/.test(answers) || !isCount(Number(answers), answersMax)) return refuseValue('n')
  return accept({
    path,
    service: serviceOf(path),
    model: model.text,
    stream: form.fields.get('stream')?.text === 'true',
    includeUsage: false,
    answers: Number(answers),
    prompts: 1,
    maxTokens: undefined,
    sizeBytes: bytes.length,
    seconds: form.file ? audioSecondsMax(form.file) : 0,
    likelySeconds: form.file ? likelySeconds(form.file) : 0,
    json: undefined,
    modelAt: { start: model.start, end: model.end },
  })
}

/** One text, or one list of tokens, is one prompt; a list of either is as many. */
function countPrompts(path: ServicePath, json: Readonly<Record<string, unknown>>): number | undefined {
  const name = path === '/v1/embeddings' ? 'input' : path === '/v1/completions' ? 'prompt' : undefined
  const value = name === undefined ? undefined : json[name]
  if (name === undefined || typeof value === 'string') return 1
  if (!Array.isArray(value) || value.length === 0) return undefined
  return typeof value[0] === 'number' ? 1 : value.length
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null

const isCount = (value: unknown, max: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max

function refuseValue(param: string) {
  return refuse('invalid_value', `Invalid value for '${param}'.`, param)
}

function refuse(code: ApiErrorCode, message: string, param?: string) {
  const error: ApiError = { code, message, ...(param ? { param } : {}) }
  return { ok: false, code, action: 'reject', detail: message, error } as const
}
