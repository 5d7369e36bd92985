/** What a request, a key or a gateway asks of the market, as JSON; of several the strictest counts. Spec: COMPUTE §10.2.1 */
import { type Hex, textToBytes } from '@weightless/codec'
import type { Need } from '@weightless/contracts/matchNeed'
import { readNeed } from '@weightless/contracts/readNeed'
import { z } from 'zod'

const weiText = z
  .union([z.string().regex(/^\d{1,30}$/), z.int().min(0)], 'must be a whole number of wei')
  .transform(String)
const uint32 = z.int().min(0).max(0xffff_ffff)
const privacies = ['plain', 'sealed', 'hardware'] as const
const checkNames = ['signature', 'reexecution', 'hardware'] as const

/** Wei are decimal text, so that a wish can be kept as JSON. */
export const needSchema = z.strictObject({
  /** Wei per token. */
  max_price: z.strictObject({ prompt: weiText.optional(), completion: weiText.optional() }).optional(),
  max_first_token_ms: uint32.optional(),
  min_tokens_per_second: uint32.optional(),
  min_slots: z.int().min(0).max(0xffff).optional(),
  region: z
    .string()
    .min(1)
    .refine((text) => textToBytes(text).length <= 16, 'must have 16 bytes at most')
    .optional(),
  /** At least this. */
  privacy: z.enum(privacies).optional(),
  /** Any of these. */
  checks: z.array(z.enum(checkNames)).min(1).max(8).optional(),
  model_root: z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}$/, 'must be 32 bytes')
    .transform((text) => text.toLowerCase() as Hex)
    .optional(),
  audited_only: z.boolean().optional(),
  /** How much dearer than the cheapest still counts as equal, in hundredths of a per cent. */
  tolerance_bps: z.int().min(0).max(0xffff).optional(),
  /** The mix of tokens that prices are compared by. */
  mix: z.strictObject({ prompt: uint32, completion: uint32 }).optional(),
  /** Providers that are matched, and so the most that are asked one after another. */
  redundancy: z.int().min(1).max(255).optional(),
})

export type NeedWish = z.infer<typeof needSchema>

/** Enough for all attempts and whoever is passed over. */
const redundancyDefault = 32

/**
 * All of the wishes at once; undefined when no provider can meet them all. What is no limit but a taste (mix, tolerance,
 * redundancy) is the first one's that has it.
 */
export function strictestOf(wishes: readonly NeedWish[]): NeedWish | undefined {
  let all: NeedWish = {}
  for (const wish of wishes) {
    const checks = all.checks && wish.checks ? all.checks.filter((one) => wish.checks!.includes(one)) : undefined
    const differ = (name: 'region' | 'model_root') =>
      all[name] !== undefined && wish[name] !== undefined && all[name] !== wish[name]
    if (checks?.length === 0 || differ('region') || differ('model_root')) return undefined
    const kept = {
      ...{ ...wish, ...all },
      max_price: {
        prompt: leastWei(all.max_price?.prompt, wish.max_price?.prompt),
        completion: leastWei(all.max_price?.completion, wish.max_price?.completion),
      },
      max_first_token_ms: pick(Math.min, all.max_first_token_ms, wish.max_first_token_ms),
      min_tokens_per_second: pick(Math.max, all.min_tokens_per_second, wish.min_tokens_per_second),
      min_slots: pick(Math.max, all.min_slots, wish.min_slots),
      privacy: privacies[Math.max(privacyOf(all), privacyOf(wish))],
      checks: checks ?? all.checks ?? wish.checks,
      audited_only: all.audited_only || wish.audited_only,
    }
    all = kept
  }
  return all
}

function pick(of: (a: number, b: number) => number, a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : of(a, b)
}

function leastWei(a: string | undefined, b: string | undefined): string | undefined {
  return a === undefined || b === undefined ? (a ?? b) : BigInt(a) < BigInt(b) ? a : b
}

const privacyOf = ({ privacy }: NeedWish): number => (privacy === undefined ? 0 : privacies.indexOf(privacy))

/** As the rule of the chain reads it, for one model. */
export function needOf(wish: NeedWish, model: string): Need {
  const { max_price, mix, region, model_root, checks } = wish
  return readNeed({
    model,
    ...(region === undefined ? {} : { region }),
    ...(model_root === undefined ? {} : { modelRoot: model_root }),
    ...(max_price?.prompt === undefined ? {} : { inputPriceMax: BigInt(max_price.prompt) }),
    ...(max_price?.completion === undefined ? {} : { outputPriceMax: BigInt(max_price.completion) }),
    inputTokens: mix?.prompt ?? 0,
    outputTokens: mix?.completion ?? 0,
    firstTokenMsMax: wish.max_first_token_ms ?? 0,
    tokensPerSecondMin: wish.min_tokens_per_second ?? 0,
    concurrentSlotsMin: wish.min_slots ?? 0,
    privacyMin: privacyOf(wish),
    checks: (checks ?? []).reduce((bits, name) => bits | (1 << checkNames.indexOf(name)), 0),
    auditedOnly: wish.audited_only ?? false,
    toleranceBps: wish.tolerance_bps ?? 0,
    redundancy: wish.redundancy ?? redundancyDefault,
  })
}
