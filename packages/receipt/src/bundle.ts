/** A bundle is what a user keeps: receipt, signature and opening, as JSON from anywhere. Spec: RECEIPT §6. */
import { accept, bytesToHex, type Hex, hexToBytes, reject, type Verdict } from '@weightless/codec'
import { z } from 'zod'
import type { Message, Price, SamplerParameters, SeedSource } from './commitments.ts'
import type { Receipt } from './receipt.ts'

/** What the hashes of a receipt stand for. It stays with the user. RECEIPT §6.2 */
export type Opening = {
  salt: Hex
  messages: Message[]
  stop: string[]
  sampler: SamplerParameters
  seed: SeedSource
  outputTokens: number[]
  outputText: string
  /** `cancelled`: the client went away; only what was emitted is billed. */
  finishReason: 'stop' | 'length' | 'cancelled'
  price: Price
  /** Digests of the run's steps, or of all operators, which let a verifier name the first that differs. TENSOR §8.3 */
  trace?: Uint8Array
}

export type Bundle = {
  /** Address of the ReceiptSettlement contract of the EIP-712 domain. */
  settlement: Hex
  receipt: Receipt
  signature: Hex
  opening: Opening
}

/** A larger text is refused before it is parsed. */
export const bundleBytesMax = 64 * 1024 * 1024
const messagesMax = 4_096
const tokensMax = 1_048_576

const hexOf = (byteCount: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${byteCount * 2}}$`))
    .transform((text) => text.toLowerCase() as Hex)
const word = hexOf(32)
const address = hexOf(20)
const uint = (bits: number) =>
  z
    .string()
    .regex(/^(0|[1-9][0-9]{0,77})$/)
    .transform(BigInt)
    .refine((value) => value < 1n << BigInt(bits))
const text = z.string().refine((value) => value.isWellFormed())

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

const openingSchema = z.strictObject({
  salt: word,
  messages: z.array(z.strictObject({ role: text, content: text })).max(messagesMax),
  stop: z.array(text).max(16),
  sampler: z.strictObject({
    temperature: z.number().min(0).max(100),
    topP: z.number().min(0).max(1),
    maxTokens: z.int().min(0).max(0xffffffff),
  }),
  seed: seedSchema,
  outputTokens: z.array(z.int().min(0).max(0xffffffff)).max(tokensMax),
  outputText: text,
  finishReason: z.enum(['stop', 'length', 'cancelled']),
  price: z.strictObject({
    model: text,
    inputWeiPerToken: uint(256),
    outputWeiPerToken: uint(256),
    updatedAt: uint(256),
  }),
  trace: z
    .string()
    .regex(/^0x([0-9a-fA-F]{2})*$/)
    .transform(hexToBytes)
    .optional(),
})

const bundleSchema = z.strictObject({
  version: z.literal(1),
  settlement: address,
  receipt: receiptSchema,
  signature: hexOf(65),
  opening: openingSchema,
})

/** Checks the form only; `verifyBundle` checks what it says. */
export function readBundle(json: unknown): Verdict<Bundle, 'malformed'> {
  const parsed = bundleSchema.safeParse(json)
  if (!parsed.success) return reject('malformed', describe(parsed.error))
  const { settlement, receipt, signature, opening } = parsed.data
  const { trace, ...rest } = opening
  return accept({ settlement, receipt, signature, opening: trace ? { ...rest, trace } : rest })
}

/** Reads the text of a bundle file, however broken. */
export function parseBundle(source: string): Verdict<Bundle, 'malformed'> {
  if (source.length > bundleBytesMax) return reject('malformed', `longer than ${bundleBytesMax} bytes`)
  try {
    return readBundle(JSON.parse(source))
  } catch (cause) {
    return reject('malformed', `not JSON: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

/** The JSON value of a bundle; wide integers become decimal strings. */
export function bundleToJson({ settlement, receipt, signature, opening }: Bundle): unknown {
  return plain({ version: 1, settlement, receipt, signature, opening })
}

/** The JSON value of a receipt alone. */
export function receiptToJson(receipt: Receipt): Record<string, string | number> {
  return plain(receipt) as Record<string, string | number>
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, item) => plainItem(item)))
}

function plainItem(item: unknown): unknown {
  if (typeof item === 'bigint') return item.toString()
  return item instanceof Uint8Array ? bytesToHex(item) : item
}

function describe(error: z.ZodError): string {
  const first = error.issues[0]
  return first ? `${first.path.join('.') || 'bundle'}: ${first.message}` : 'unknown form'
}
