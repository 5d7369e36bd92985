/**
 * Who serves a need, computed from the chain's list of offers: the same rule as `MatchRule.sol`, so that nobody has to
 * trust whoever did the matching. Spec: spec/market.md 4.
 */
import { bytesToHex, bytesToUint, concatBytes, type Hex, hexToBytes, uintToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'

/** An offer as `ServiceMarket.getCandidates` gives it; prices in wei per token, hashes are keccak256 of the text. */
export type Candidate = {
  provider: Hex
  serviceType: Hex
  model: Hex
  modelRoot: Hex
  inputPrice: bigint
  outputPrice: bigint
  region: Hex
  privacy: number
  check: number
  isAudited: boolean
  /** Output tokens per second, all slots together. */
  tokensPerSecond: number
  concurrentSlots: number
  firstTokenMs: number
  /** Unix seconds; 0: never measured. */
  measuredAt: bigint
  /** Wei. */
  stake: bigint
  isCurrent: boolean
}

/** Zero asks for nothing, but for the two prices. */
export type Need = {
  serviceType: Hex
  model: Hex
  modelRoot: Hex
  inputPriceMax: bigint
  outputPriceMax: bigint
  /** The mix of tokens that prices are compared by. */
  inputTokens: number
  outputTokens: number
  firstTokenMsMax: number
  tokensPerSecondMin: number
  concurrentSlotsMin: number
  measuredSince: bigint
  region: Hex
  privacyMin: number
  /** Bit n accepts check n; 0 accepts all. */
  checks: number
  auditedOnly: boolean
  /** How much dearer than the cheapest still counts as equal, in hundredths of a per cent. */
  toleranceBps: number
  /** Providers wanted; 0 is 1. */
  redundancy: number
}

/** Names the rule of spec/market.md 4.2 to 4.4 in statements about a match; another rule gets another name. */
export const matchRuleId = 'weightless-match-1'

const weightFloorWei = 10n ** 18n
const uint128Max = (1n << 128n) - 1n
const bps = 10_000n

/**
 * The providers that serve the need, best first; fewer than asked for where there are no more.
 * @param candidates - the whole list in the chain's order @param seed - 32 bytes, spec/market.md 4.4
 */
export function matchNeed(candidates: readonly Candidate[], need: Need, seed: Hex): Hex[] {
  const left = candidates
    .filter((one) => fits(one, need))
    .map((one) => ({ provider: one.provider, cost: costOf(one, need), weight: weightOf(one) }))
  const wanted = Math.min(need.redundancy || 1, left.length)
  const chosen: Hex[] = []
  let limit = 0n
  let weight = 0n
  for (let turn = 0; turn < wanted; turn++) {
    if (weight === 0n) {
      const cheapest = left.map(({ cost }) => cost).sort((a, b) => (a < b ? -1 : 1))[0]!
      limit = cheapest + (cheapest * BigInt(need.toleranceBps)) / bps
      weight = left.reduce((sum, one) => (one.cost <= limit ? sum + one.weight : sum), 0n)
    }
    let point = bytesToUint(keccak256(concatBytes([hexToBytes(seed), uintToBytes(BigInt(turn), 32)]))) % weight
    const at = left.findIndex((one) => {
      if (one.cost > limit) return false
      if (point < one.weight) return true
      point -= one.weight
      return false
    })
    const [drawn] = left.splice(at, 1)
    chosen.push(drawn!.provider)
    weight -= drawn!.weight
  }
  return chosen
}

function fits(one: Candidate, need: Need): boolean {
  return (
    one.isCurrent &&
    asks(need.serviceType, one.serviceType) &&
    asks(need.model, one.model) &&
    asks(need.modelRoot, one.modelRoot) &&
    asks(need.region, one.region) &&
    isAffordable(one.inputPrice, need.inputPriceMax) &&
    isAffordable(one.outputPrice, need.outputPriceMax) &&
    one.privacy >= need.privacyMin &&
    (need.checks === 0 || (one.check <= 7 && ((need.checks >> one.check) & 1) === 1)) &&
    (one.isAudited || !need.auditedOnly) &&
    isFastEnough(one, need)
  )
}

function asks(wanted: Hex, offered: Hex): boolean {
  return BigInt(wanted) === 0n || BigInt(wanted) === BigInt(offered)
}

function isAffordable(price: bigint, priceMax: bigint): boolean {
  return price <= priceMax && price <= uint128Max
}

/** A capacity that was never measured is zero slots at time 0: it is no promise of any speed. */
function isFastEnough(one: Candidate, need: Need): boolean {
  const isSoon = need.firstTokenMsMax === 0 || (one.measuredAt !== 0n && one.firstTokenMs <= need.firstTokenMsMax)
  return (
    isSoon &&
    one.tokensPerSecond >= need.tokensPerSecondMin &&
    one.concurrentSlots >= need.concurrentSlotsMin &&
    one.measuredAt >= need.measuredSince
  )
}

function costOf(one: Candidate, { inputTokens, outputTokens }: Need): bigint {
  if (inputTokens === 0 && outputTokens === 0) return one.inputPrice + one.outputPrice
  return one.inputPrice * BigInt(inputTokens) + one.outputPrice * BigInt(outputTokens)
}

function weightOf({ stake }: Candidate): bigint {
  return (stake < uint128Max ? stake : uint128Max) + weightFloorWei
}

/** Seed of a requester's `count`-th match on the state of the block with this hash. MARKET §4.6 */
export function matchSeed(blockHash: Hex, requester: Hex, count: number): Hex {
  const words = [hexToBytes(blockHash), uintToBytes(BigInt(requester), 32), uintToBytes(BigInt(count), 32)]
  return bytesToHex(keccak256(concatBytes(words)))
}
