/** A bundle is what a user keeps: receipt, signature and opening, as JSON from anywhere. Spec: RECEIPT §6. */
import { accept, bytesToHex, type Hex, hexToBytes, reject, type Verdict } from '@weightless/codec'
import { z } from 'zod'
import type { SamplerParameters } from './commitments.ts'
import type { BodyOpening, Bundle, ChatOpening, ChoiceOutput, Opening } from './openedReceipt.ts'
import { bodyPath, messagesMax, readPlainBundle, stopsMax, tokensMax } from './readPlainBundle.ts'
import type { Receipt } from './receipt.ts'
import { batchProofMax } from './receiptBatch.ts'

/** A larger text is refused before it is parsed. */
export const bundleBytesMax = 64 * 1024 * 1024
export const logitBiasMax = 1_024
export const choicesMax = 16

/** Lower case, whatever came. */
export const hexOf = (byteCount: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${byteCount * 2}}$`))
    .transform((text) => text.toLowerCase() as Hex)
export const word = hexOf(32)
const address = hexOf(20)
const uint = (bits: number) =>
  z
    .string()
    .regex(/^(0|[1-9][0-9]{0,77})$/)
    .transform(BigInt)
    .refine((value) => value < 1n << BigInt(bits))
export const text = z.string().refine((value) => value.isWellFormed())

/** 65 bytes, and of a batch the hashes beside the receipt's way to its root. RECEIPT §3.1 */
const signatureText = z
  .string()
  .regex(new RegExp(`^0x[0-9a-fA-F]{130}([0-9a-fA-F]{64}){0,${batchProofMax}}$`))
  .transform((text) => text.toLowerCase() as Hex)

const receiptSchema = z.strictObject({
  version: z.int().min(0).max(0xffff),
  serviceClass: z.int().min(0).max(0xff),
  check: z.int().min(0).max(0xff),
  chainId: uint(256),
  user: address,
  provider: address,
  modelRoot: word,
  programId: word,
  tokenizerRoot: word,
  sampler: word,
  seed: word,
  inputHash: word,
  outputHash: word,
  traceRoot: word,
  promptTokens: uint(64),
  completionTokens: uint(64),
  priceId: word,
  fee: uint(256),
  jobNonce: uint(256),
  timestamp: uint(64),
})

const seedSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('seed'),
    value: z
      .string()
      .regex(/^-?[0-9]{1,19}$/)
      .transform(BigInt)
      .refine((value) => BigInt.asIntN(64, value) === value),
  }),
  z.strictObject({ kind: z.literal('nonce'), nonce: word }),
])

export const priceSchema = z.strictObject({
  model: text,
  inputWeiPerToken: uint(256),
  outputWeiPerToken: uint(256),
  updatedAt: uint(256),
})

const bodySchema = z.strictObject({
  kind: z.literal('body'),
  salt: word,
  path: z.string().regex(bodyPath),
  requestSha256: word,
  responseSha256: word,
  finishReason: z.enum(['stop', 'cancelled', 'upstream_failed']),
  price: priceSchema,
})

const logitBiasSchema = z
  .array(z.tuple([z.int().min(0).max(0xffffffff), z.number().min(-100).max(100)]))
  .min(1)
  .max(logitBiasMax)
  .refine((pairs) => pairs.every(([token, bias], i) => bias !== 0 && (i === 0 || token > pairs[i - 1]![0])))
const penalty = z
  .number()
  .min(-2)
  .max(2)
  .refine((value) => value !== 0)

/** Opens a receipt's `sampler`. */
export const samplerSchema = z
  .strictObject({
    temperature: z.number().min(0).max(100),
    topP: z.number().min(0).max(1),
    maxTokens: z.int().min(0).max(0xffffffff),
    presencePenalty: penalty.optional(),
    frequencyPenalty: penalty.optional(),
    logitBias: logitBiasSchema.optional(),
  })
  .transform(({ presencePenalty, frequencyPenalty, logitBias, ...base }): SamplerParameters => {
    // Optional fields that are not there are left out, which their types ask for.
    return {
      ...base,
      ...(presencePenalty !== undefined && { presencePenalty }),
      ...(frequencyPenalty !== undefined && { frequencyPenalty }),
      ...(logitBias && { logitBias }),
    }
  })

/** Of what a request asks for beyond one free answer. */
export const shapeSchema = z.strictObject({
  choices: z.int().min(1).max(choicesMax),
  schema: text,
  tools: text,
  toolChoice: text,
  callsMax: z.int().min(0).max(0xffff),
})

const outputShape = {
  outputTokens: z.array(z.int().min(0).max(0xffffffff)).max(tokensMax),
  outputText: text,
  finishReason: z.enum(['stop', 'length', 'cancelled']),
  trace: z
    .string()
    .regex(/^0x([0-9a-fA-F]{2})*$/)
    .transform(hexToBytes)
    .optional(),
}

const chatSchema = z
  .strictObject({
    salt: word,
    messages: z.array(z.strictObject({ role: text, content: text })).max(messagesMax),
    stop: z.array(text).max(stopsMax),
    sampler: samplerSchema,
    seed: seedSchema,
    ...outputShape,
    price: priceSchema,
    shape: shapeSchema.optional(),
    more: z.array(z.strictObject(outputShape)).max(choicesMax).optional(),
    traceRoots: z.array(word).max(choicesMax).optional(),
  })
  .refine(({ shape, more = [], traceRoots = [] }) => {
    const choices = shape?.choices ?? 1
    return more.length === choices - 1 && traceRoots.length === (choices === 1 ? 0 : choices)
  }, 'not as many answers as were asked for')

const acceptanceSchema = z.strictObject({
  authorization: z.strictObject({
    user: address,
    provider: address,
    jobNonce: uint(256),
    requestHash: word,
    priceId: word,
    maxFee: uint(256),
    deadline: uint(256),
  }),
  signature: hexOf(65),
})

/** Of every bundle, whatever it opens. */
export const bundleShell = {
  version: z.literal(1),
  settlement: address,
  receipt: receiptSchema,
  signature: signatureText,
}
export const acceptance = acceptanceSchema.optional()
const chatBundleSchema = z.strictObject({ ...bundleShell, acceptance, opening: chatSchema })
const bodyBundleSchema = z.strictObject({ ...bundleShell, acceptance, opening: bodySchema })

/** Checks the form only; `verifyBundle` checks what it says. */
export function readBundle(json: unknown): Verdict<Bundle, 'malformed'> {
  const plainBundle = readPlainBundle(json)
  return plainBundle ? accept(plainBundle) : readBySchema(json)
}

/** Any bundle, and what is wrong with it. */
export function readBySchema(json: unknown): Verdict<Bundle, 'malformed'> {
  if (hasBodyOpening(json)) {
    const body = bodyBundleSchema.safeParse(json)
    if (!body.success) return reject('malformed', describeFault(body.error))
    const { settlement, receipt, signature, opening, acceptance } = body.data
    return accept({ settlement, receipt, signature, opening, ...(acceptance && { acceptance }) })
  }
  const parsed = chatBundleSchema.safeParse(json)
  if (!parsed.success) return reject('malformed', describeFault(parsed.error))
  const { settlement, receipt, signature, opening, acceptance } = parsed.data
  return accept({ settlement, receipt, signature, opening: withoutAbsent(opening), ...(acceptance && { acceptance }) })
}

type Parsed = z.infer<typeof chatSchema>

/** Optional fields that are not there are left out, which their types ask for. */
function withoutAbsent(opening: Parsed): ChatOpening {
  const { trace, shape, more, traceRoots, ...rest } = opening
  return {
    ...rest,
    ...(trace && { trace }),
    ...(shape && { shape }),
    ...(more && { more: more.map(({ trace: own, ...output }) => (own ? { ...output, trace: own } : output)) }),
    ...(traceRoots && { traceRoots }),
  }
}

/** The answers in order. */
export function choicesOf({ outputTokens, outputText, finishReason, trace, more = [] }: ChatOpening): ChoiceOutput[] {
  return [{ outputTokens, outputText, finishReason, ...(trace && { trace }) }, ...more]
}

/** Of a receipt about bytes, which nobody can re-execute; the others are chats. */
export function isBodyBundle(bundle: Bundle): bundle is Bundle<BodyOpening> {
  return 'kind' in bundle.opening
}

export function isChatBundle(bundle: Bundle): bundle is Bundle<ChatOpening> {
  return !isBodyBundle(bundle)
}

/** Decides by which form the faults are named. */
function hasBodyOpening(json: unknown): boolean {
  const opening = (json as { opening?: { kind?: unknown } } | null)?.opening
  return typeof opening === 'object' && opening !== null && opening.kind === 'body'
}

/** Reads the text of a bundle file, however broken. */
export function parseBundle(source: string): Verdict<Bundle, 'malformed'> {
  return parseText(source, bundleBytesMax, readBundle)
}

/** @param read - of a value that JSON had, whatever it is */
export function parseText<Read>(
  text: string,
  bytesMax: number,
  read: (json: unknown) => Verdict<Read, 'malformed'>,
): Verdict<Read, 'malformed'> {
  if (text.length > bytesMax) return reject('malformed', `longer than ${bytesMax} bytes`)
  try {
    return read(JSON.parse(text))
  } catch (cause) {
    return reject('malformed', `not JSON: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

/** The JSON value of a bundle; wide integers become decimal strings. */
export function bundleToJson({ settlement, receipt, signature, opening, acceptance }: Bundle): unknown {
  return plain({ version: 1, settlement, receipt, signature, opening, ...(acceptance && { acceptance }) })
}

/** The JSON value of an opening alone. */
export function openingToJson(opening: Opening): unknown {
  return plain(opening)
}

/** The JSON value of a receipt alone. */
export function receiptToJson(receipt: Receipt): Record<string, string | number> {
  return plain(receipt) as Record<string, string | number>
}

/** As JSON writes it. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return bytesToHex(value)
  if (Array.isArray(value)) return value.map(plain)
  const object: Record<string, unknown> = {}
  for (const [name, item] of Object.entries(value)) if (item !== undefined) object[name] = plain(item)
  return object
}

/** The first thing that is wrong with the form. */
export function describeFault(error: z.ZodError): string {
  const first = error.issues[0]
  return first ? `${first.path.join('.') || 'bundle'}: ${first.message}` : 'unknown form'
}
