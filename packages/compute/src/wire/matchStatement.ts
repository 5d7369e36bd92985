/** What a gateway says about a match on the market: all that is needed to make it again from the chain. Spec: COMPUTE §10.2.1 */
import { accept, type Hex, reject, textToBytes, type Verdict } from '@weightless/codec'
import { matchRuleId, type Need } from '@weightless/contracts/matchNeed'
import { readNeed } from '@weightless/contracts/readNeed'
import { hexOf } from '@weightless/receipt/bundle'
import { z } from 'zod'
import { parseJson } from './parseJson.ts'

export const matchHeader = 'x-weightless-match'

/** Why a matched provider was not asked in its place. */
export const skipReasons = ['cannot-serve', 'not-allowed', 'distrusted', 'too-slow', 'breaker-open'] as const
export type Skipped = { provider: Hex; why: (typeof skipReasons)[number] }

export type MatchStatement = {
  market: Hex
  blockNumber: bigint
  blockHash: Hex
  requester: Hex
  /** Numbers the requester's matches at this block. */
  count: number
  /** One match for each of these: keccak256 of the models' names, in the request's order. */
  models: readonly Hex[]
  /** Beside the model. */
  need: Omit<Need, 'model'>
  /** The first of them; `skippedMore` is how many there were beyond. */
  skipped: readonly Skipped[]
  skippedMore: number
}

/** One header line: so many of those passed over are named. */
const skippedMax = 8
const headerBytesMax = 4_096

export function matchToHeader(statement: MatchStatement): string {
  const { market, blockNumber, blockHash, requester, count, models, need, skipped, skippedMore } = statement
  return JSON.stringify({
    rule: matchRuleId,
    market,
    block: blockNumber.toString(),
    block_hash: blockHash,
    ...{ requester, count, models },
    need: saidOf(need),
    skipped: skipped.slice(0, skippedMax),
    skipped_more: skippedMore + Math.max(0, skipped.length - skippedMax),
  })
}

/** What is asked for, with the rule's own names; amounts as decimal text. What is zero is left out. */
function saidOf(need: MatchStatement['need']): Record<string, unknown> {
  const isAsked = ([, value]: [string, unknown]) =>
    Boolean(value) && !(typeof value === 'string' && /^0x0*$/.test(value))
  const said = Object.entries(need).filter(isAsked)
  return Object.fromEntries(said.map(([name, value]) => [name, typeof value === 'bigint' ? value.toString() : value]))
}

const amount = z
  .string()
  .regex(/^\d{1,39}$/)
  .transform(BigInt)
const uint = (bits: number) =>
  z
    .int()
    .min(0)
    .max(2 ** bits - 1)

const schema = z.object({
  rule: z.literal(matchRuleId),
  market: hexOf(20),
  block: amount,
  block_hash: hexOf(32),
  requester: hexOf(20),
  count: uint(32),
  models: z.array(hexOf(32)).min(1).max(8),
  // What is not understood would change the match.
  need: z
    .strictObject({
      ...{ serviceType: hexOf(32), modelRoot: hexOf(32), region: hexOf(16) },
      ...{ inputPriceMax: amount, outputPriceMax: amount, measuredSince: amount },
      ...{ inputTokens: uint(32), outputTokens: uint(32), firstTokenMsMax: uint(32), tokensPerSecondMin: uint(32) },
      ...{ concurrentSlotsMin: uint(16), toleranceBps: uint(16), privacyMin: uint(8), checks: uint(8) },
      ...{ redundancy: uint(8), auditedOnly: z.boolean() },
    })
    .partial(),
  skipped: z.array(z.object({ provider: hexOf(20), why: z.enum(skipReasons) })).max(skippedMax),
  skipped_more: uint(16),
})

/** Reads the header of an answer; a gateway may have written anything there. */
export function readMatchHeader(text: string): Verdict<MatchStatement, 'malformed'> {
  const parsed = schema.safeParse(text.length > headerBytesMax ? undefined : parseJson(textToBytes(text)))
  if (!parsed.success) return reject('malformed', parsed.error.issues[0]!.message)
  const { market, block, block_hash, requester, count, models, need, skipped, skipped_more } = parsed.data
  const { model: _, ...nothing } = readNeed({})
  const asked = { ...nothing, inputPriceMax: 0n, outputPriceMax: 0n, redundancy: 0, ...defined(need) }
  const place = { market, blockNumber: block, blockHash: block_hash }
  return accept({ ...place, requester, count, models, need: asked, skipped, skippedMore: skipped_more })
}

function defined<Value extends object>(value: Value) {
  const entries = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(entries) as { [Name in keyof Value]?: Exclude<Value[Name], undefined> }
}
