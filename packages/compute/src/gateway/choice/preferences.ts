/** What a request says about who may answer it: headers of the existing router, and the `provider` object that OpenRouter's clients send. COMPUTE §10.2 */
import { textToBytes, type Verdict } from '@weightless/codec'
import type { HttpHeaders } from '@weightless/env'
import { z } from 'zod'
import type { ApiError } from '../../wire/apiError.ts'
import { type NeedWish, needSchema } from '../../wire/marketNeed.ts'
import { parseJson } from '../../wire/parseJson.ts'
import { acceptHeader } from '../../wire/payment.ts'
import { shareHeader, shareWord } from '../../wire/sharedAnswers.ts'
import {
  splitVerificationHeader,
  type VerificationLevel,
  verificationHeader,
  verificationSchema,
} from '../../wire/verificationLevel.ts'

export type Sort = 'price' | 'latency' | 'throughput' | 'market'
export type TrustMode = 'verified' | 'private'

export type Preferences = {
  /** The only one that may be asked. */
  pinned: string | undefined
  only: readonly string[]
  ignore: readonly string[]
  /** Asked in this order, before all others. */
  order: readonly string[]
  /** Undefined: balanced by price. */
  sort: Sort | undefined
  /** Wei per unit; dearer providers are never asked. */
  maxPrice: { prompt?: bigint | undefined; completion?: bigint | undefined }
  trustMode: TrustMode | undefined
  /** What it asks of the market, all at once; undefined where it does not ask to be matched there. */
  needs: readonly NeedWish[] | undefined
  allowFallbacks: boolean
  /** The provider must accept the job before it begins. */
  mustAccept: boolean
  /** What is checked; never less than was asked for. COMPUTE §10.10 */
  verification: VerificationLevel
  /** Auditors may see question and answer. COMPUTE §10.11 */
  isShared: boolean
}

export const choiceHeaders = {
  address: 'x-0g-provider-address',
  sort: 'x-0g-provider-sort',
  trustMode: 'x-0g-provider-trust-mode',
  allowFallbacks: 'x-0g-provider-allow-fallbacks',
  accept: acceptHeader,
  need: 'x-weightless-need',
  verification: verificationHeader,
  share: shareHeader,
} as const

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'must be an address')
  .transform((text) => text.toLowerCase())
const addresses = z.array(address).max(256).nullish()
const sorts = ['price', 'latency', 'throughput', 'market'] as const
const wei = z
  .union([z.string().regex(/^\d{1,30}$/), z.int().min(0)], 'must be a whole number of wei')
  .transform(BigInt)
  .nullish()

const bodySchema = z.strictObject({
  order: addresses,
  only: addresses,
  ignore: addresses,
  sort: z.enum(sorts).nullish(),
  max_price: z.strictObject({ prompt: wei, completion: wei }).nullish(),
  allow_fallbacks: z.boolean().nullish(),
  need: needSchema.nullish(),
  verification: verificationSchema.nullish(),
})

const headerSchema = z.object({
  address: address.optional(),
  sort: z.enum(sorts).optional(),
  trustMode: z.enum(['verified', 'private']).optional(),
  allowFallbacks: z.enum(['true', 'false']).optional(),
  accept: z.literal('1').optional(),
  share: z.literal(shareWord).optional(),
})

/** A wish that is not understood is refused: what it was meant to keep out must not come in. */
export function readPreferences(headers: HttpHeaders, provider: unknown): Verdict<Preferences> & { error?: ApiError } {
  const said = (name: keyof typeof choiceHeaders) => headers[choiceHeaders[name]] || undefined
  if (isSilent(headers, provider)) return { ok: true, value: noWish() }
  const fromHeaders = headerSchema.safeParse({
    address: said('address'),
    sort: said('sort'),
    trustMode: said('trustMode'),
    allowFallbacks: said('allowFallbacks'),
    accept: said('accept'),
    share: said('share'),
  })
  if (!fromHeaders.success) {
    const issue = fromHeaders.error.issues[0]!
    return refuse(choiceHeaders[issue.path[0] as keyof typeof choiceHeaders], issue.message)
  }
  const fromBody = bodySchema.safeParse(provider ?? {})
  if (!fromBody.success) {
    const issue = fromBody.error.issues[0]!
    return refuse(['provider', ...issue.path].join('.'), issue.message)
  }
  const { data: body } = fromBody
  const { address: pinned, trustMode, allowFallbacks } = fromHeaders.data
  const sort = fromHeaders.data.sort ?? body.sort ?? undefined
  const fromHeader = readNeedHeader(said('need'))
  if (!fromHeader.success) return refuse(choiceHeaders.need, fromHeader.error.issues[0]!.message)
  const level = readLevel(said('verification'), body.verification ?? undefined)
  if ('detail' in level) return refuse(choiceHeaders.verification, level.detail)
  if (level.value.level !== 'none' && trustMode === 'private')
    return refuse(choiceHeaders.verification, 'nobody can check what is sealed')
  if (fromHeaders.data.share !== undefined && trustMode === 'private')
    return refuse(choiceHeaders.share, 'what is sealed is shared with nobody')
  const wishes = [fromHeader.data, body.need].filter((wish) => wish !== undefined && wish !== null)
  const needs = wishes.length > 0 || sort === 'market' ? wishes : undefined
  if (needs && sort !== undefined && sort !== 'market')
    return refuse('provider.sort', 'a need is matched by the market')
  if (needs && body.order && body.order.length > 0) return refuse('provider.order', 'the market gives the order')
  return {
    ok: true,
    value: {
      pinned,
      only: body.only ?? [],
      ignore: body.ignore ?? [],
      order: body.order ?? [],
      sort,
      maxPrice: {
        prompt: body.max_price?.prompt ?? undefined,
        completion: body.max_price?.completion ?? undefined,
      },
      trustMode,
      needs,
      allowFallbacks: allowFallbacks === undefined ? (body.allow_fallbacks ?? true) : allowFallbacks === 'true',
      mustAccept: fromHeaders.data.accept === '1',
      verification: level.value,
      isShared: fromHeaders.data.share !== undefined,
    },
  }
}

const headerNames = Object.values(choiceHeaders)

/** Most requests wish for nothing, and no schema needs to look at nothing. */
function isSilent(headers: HttpHeaders, provider: unknown): boolean {
  return (provider === undefined || provider === null) && headerNames.every((name) => !headers[name])
}

const noWish = (): Preferences => ({
  pinned: undefined,
  only: [],
  ignore: [],
  order: [],
  sort: undefined,
  maxPrice: { prompt: undefined, completion: undefined },
  trustMode: undefined,
  needs: undefined,
  allowFallbacks: true,
  mustAccept: false,
  verification: { level: 'none' },
  isShared: false,
})

/** By header, body or both, which must agree then. */
function readLevel(
  header: string | undefined,
  body: VerificationLevel | undefined,
): { value: VerificationLevel } | { detail: string } {
  if (header === undefined) return { value: body ?? { level: 'none' } }
  const read = verificationSchema.safeParse(splitVerificationHeader(header))
  if (!read.success) return { detail: 'must be none, sampled; share=0.1, refereed, or full; copies=3' }
  if (body && JSON.stringify(body) !== JSON.stringify(read.data)) return { detail: 'the body asks for another level' }
  return { value: read.data }
}

const needBytesMax = 2_048

/** JSON of the same form as in the body, for requests whose body is a form or is made by somebody else. */
function readNeedHeader(text: string | undefined) {
  return needSchema.optional().safeParse(
    // What is too long, or no JSON, is no object either.
    text === undefined ? undefined : text.length > needBytesMax ? null : (parseJson(textToBytes(text)) ?? null),
  )
}

function refuse(param: string, detail: string) {
  const error: ApiError = { code: 'invalid_value', message: `Invalid value for '${param}': ${detail}.`, param }
  return { ok: false, code: 'invalid_value', action: 'reject', detail, error } as const
}
