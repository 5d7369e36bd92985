/**
 * What mining is expected to earn: a pure function of disk, read rate and the network. In the long run the pools pay out what
 * they release, to miners in proportion to the seals they try; gas and running costs are taken off. Spec: mining §8.
 */
import { WeightlessError } from '@weightless/codec'

export type MinerPlan = {
  /** Bytes of flow data that the miner keeps sealed. */
  diskBytes: number
  /** Sustained random reads of 256 KiB. */
  readBytesPerSecond: number
  /** Recalls per second that the processor manages: some 3,500 for one thread with AVX-512, 2,000 without native kernels. */
  hashedRecallsPerSecond: number
  /** Electricity, disk and rent, in wei. */
  costWeiPerDay: bigint
}

export type NetworkState = {
  /** Bytes of the flow, padding included; miners choose among the newest 8 TiB for each shard. */
  flowBytes: number
  /** Of them, paid for and not yet fully released. */
  paidBytes: number
  pricePerSectorWei: bigint
  /** Over how long a fee is released. */
  releaseSeconds: number
  /** Others' recalls per second, each weighed by the part of the flow that its miner keeps. */
  otherRecallsPerSecond: number
  /** Answers that the difficulty aims at. */
  answersPerEpoch: number
  secondsPerEpoch: number
  /** Paid on top for each answer, while donations last. */
  baseRewardWei: bigint
  /** Of one answer's transaction; 330,000 in the gas snapshot. */
  gasPerAnswer: number
  gasPriceWei: bigint
}

export type ExpectedReward = {
  /** What the miner can try, and what keeps it from more. */
  recallsPerSecond: number
  limitedBy: 'reading' | 'hashing'
  /** Part of all answers that are the miner's, 0 to 1. */
  share: number
  answersPerDay: number
  /** Before costs. */
  rewardWeiPerDay: bigint
  gasWeiPerDay: bigint
  /** May be below zero. */
  netWeiPerDay: bigint
  /** Price per sector from which on nothing is lost; undefined where no price suffices. */
  breakEvenPricePerSectorWei: bigint | undefined
}

const sectorBytes = 256
const loadBytes = 262_144
const secondsPerDay = 86_400
/** Shares count in parts of this many. */
const parts = 10n ** 15n

/** @throws {MinerPlanInvalidError} for numbers below zero, not finite, or a network without time or data */
export function expectReward(plan: MinerPlan, network: NetworkState): ExpectedReward {
  checkNumbers(plan, network)
  const readable = plan.readBytesPerSecond / loadBytes
  const limitedBy = readable < plan.hashedRecallsPerSecond ? 'reading' : 'hashing'
  const recallsPerSecond = Math.min(readable, plan.hashedRecallsPerSecond)
  const own = recallsPerSecond * Math.min(1, plan.diskBytes / network.flowBytes)
  const all = own + network.otherRecallsPerSecond
  const share = all === 0 ? 0 : own / all
  const answers = (network.answersPerEpoch * secondsPerDay) / network.secondsPerEpoch
  const answersPerDay = share * answers
  const baseWei = weighed(network.baseRewardWei, answersPerDay)
  const feeWei = weighed(releasedWeiPerDay(network, network.pricePerSectorWei), share)
  const gasWeiPerDay = weighed(network.gasPriceWei * BigInt(Math.ceil(network.gasPerAnswer)), answersPerDay)
  const rewardWeiPerDay = feeWei + baseWei
  const spentWei = gasWeiPerDay + plan.costWeiPerDay
  return {
    ...{ recallsPerSecond, limitedBy, share, answersPerDay, rewardWeiPerDay, gasWeiPerDay },
    netWeiPerDay: rewardWeiPerDay - spentWei,
    breakEvenPricePerSectorWei: breakEvenPrice(network, share, spentWei - baseWei),
  }
}

/** What all pools together release in a day at a price. */
function releasedWeiPerDay({ paidBytes, releaseSeconds }: NetworkState, pricePerSectorWei: bigint): bigint {
  const sectors = BigInt(Math.floor(paidBytes / sectorBytes))
  return (sectors * pricePerSectorWei * BigInt(secondsPerDay)) / BigInt(Math.ceil(releaseSeconds))
}

/** The least price whose fees bring in `neededWei` a day; 0 where nothing is needed. */
function breakEvenPrice(network: NetworkState, share: number, neededWei: bigint): bigint | undefined {
  if (neededWei <= 0n) return 0n
  const sectors = BigInt(Math.floor(network.paidBytes / sectorBytes))
  const shareParts = BigInt(Math.floor(share * Number(parts)))
  if (sectors === 0n || shareParts === 0n) return undefined
  const dailyParts = sectors * BigInt(secondsPerDay) * shareParts
  // rounded up twice over, because both divisions of the way back round down
  return ((neededWei + 1n) * parts * BigInt(Math.ceil(network.releaseSeconds))) / dailyParts + 1n
}

function weighed(wei: bigint, factor: number): bigint {
  const whole = Math.floor(factor)
  return wei * BigInt(whole) + (wei * BigInt(Math.floor((factor - whole) * Number(parts)))) / parts
}

function checkNumbers(plan: MinerPlan, network: NetworkState): void {
  for (const [name, value] of [...Object.entries(plan), ...Object.entries(network)]) {
    const isGood = typeof value === 'bigint' ? value >= 0n : Number.isFinite(value) && value >= 0
    if (!isGood) throw new MinerPlanInvalidError({ name, value })
  }
  for (const name of ['flowBytes', 'releaseSeconds', 'secondsPerEpoch'] as const) {
    if (network[name] === 0) throw new MinerPlanInvalidError({ name, value: 0 })
  }
}

export class MinerPlanInvalidError extends WeightlessError {
  constructor(facts: { name: string; value: number | bigint }) {
    super('storage/miner-plan-invalid', 'An expected reward cannot be computed from such a number.', facts)
  }
}
