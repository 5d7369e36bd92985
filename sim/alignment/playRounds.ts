/**
 * Rounds of audits with auditors of three kinds against providers of three kinds, by the rules of the contract and with the
 * auditors' own sequential test; keys are hashes here, since a verifiable random number is one to everybody else.
 */

import { bytesToHex, concatBytes, type Hex, uintToBytes } from '../../packages/codec/src/index.ts'
import { exactPlan } from '../../packages/compute/src/audit/auditTarget.ts'
import { createSprt, type SprtState, sprtStart } from '../../packages/compute/src/audit/sprt.ts'
import { type AuditTarget, drawTargets, findingOf, weighFindings } from '../../packages/contracts/src/drawTargets.ts'
import { keccak256 } from '../../packages/crypto/src/index.ts'

/** Lazy ones say clean without asking; colluding ones call the first honest provider faulty and their cheating friend clean. */
export type AuditorKind = 'honest' | 'lazy' | 'colluding'
type ProviderKind = 'honest' | 'cheating' | 'planted'
type Rules = { auditorsPerTarget: number; quorum: number; findingWei: number; missWei: number }

export type World = {
  auditors: readonly AuditorKind[]
  providers: readonly ProviderKind[]
  /** Rate of wrong answers by kind; honest ones err by faults of machines. */
  rates: { readonly [kind in ProviderKind]: number }
  rules: Rules
}

export type Tally = {
  /** Wei by auditor: pay less what was taken. */
  gained: number[]
  /** Rounds in which an outcome `faulty` stood against a provider, by provider; a plant's opening alone does not count. */
  cases: number[]
  /** Tests that honest auditors began on honest providers, and those that ended in `faulty`. */
  honestTests: number
  falseAlarms: number
  audits: number
}

const test = createSprt(exactPlan)
/** Asked until the test decides: seven right answers, or some wrong ones more. */
const requestsMax = 16

export function playRounds(world: World, { seed, rounds }: { seed: number; rounds: number }): Tally {
  const { auditors, providers, rules } = world
  const tally: Tally = {
    gained: auditors.map(() => 0),
    cases: providers.map(() => 0),
    ...{ honestTests: 0, falseAlarms: 0, audits: 0 },
  }
  const targets = providers.map((_, index): AuditTarget => ({ id: hashOf(seed, 1, index), kind: 1, ...always }))
  const states = new Map<string, SprtState>()
  for (let round = 1; round <= rounds; round++) {
    const found = providers.map((): { auditor: number; finding: number }[] => [])
    for (const [auditor, kind] of auditors.entries()) {
      const draw = { beta: hashOf(seed, 2, round, auditor), round: BigInt(round), licences: 1n }
      const share = { allLicences: BigInt(auditors.length), auditorsPerTarget: BigInt(rules.auditorsPerTarget) }
      for (const index of drawTargets({ ...draw, ...share }, targets)) {
        tally.audits++
        const random = createRandom(seed, round, auditor, index)
        const key = `${auditor} ${index}`
        const look = () => lookAt(world.rates[providers[index]!], states, key, random)
        found[index]!.push({ auditor, finding: sayOf(kind, world, index, look, tally) })
      }
    }
    for (const [index, findings] of found.entries()) settle(world, tally, index, findings)
  }
  return tally
}

const always = { fromRound: 0n, untilRound: 0n, juryRound: 0n }

function sayOf(kind: AuditorKind, { providers }: World, index: number, look: () => number, tally: Tally): number {
  if (kind === 'lazy') return findingOf.clean
  if (kind === 'colluding' && index === providers.indexOf('honest')) return findingOf.faulty
  if (kind === 'colluding' && providers[index] === 'cheating') return findingOf.clean
  const finding = look()
  if (kind === 'honest' && providers[index] === 'honest') {
    tally.honestTests++
    if (finding === findingOf.faulty) tally.falseAlarms++
  }
  return finding
}

/** As `auditProvider` does it at the pace of seven requests. */
function lookAt(rate: number, states: Map<string, SprtState>, key: string, random: () => number): number {
  let state = states.get(key) ?? sprtStart
  for (let asked = 0; asked < requestsMax; asked++) {
    state = test.observe(state, random() < rate)
    if (test.decide(state) !== 'open') break
  }
  const decision = test.decide(state)
  states.set(key, decision === 'open' ? state : sprtStart)
  return decision === 'faulty' ? findingOf.faulty : findingOf.clean
}

/** Pay and loss as `AuditRounds.settle` has them. */
function settle(
  { providers, rules }: World,
  tally: Tally,
  index: number,
  found: readonly { auditor: number; finding: number }[],
): void {
  const { quorum, findingWei, missWei } = rules
  const agreed = weighFindings(
    found.map(({ finding }) => finding),
    quorum,
  )
  const isPlanted = providers[index] === 'planted'
  const outcome = isPlanted ? findingOf.faulty : agreed
  if (agreed === findingOf.faulty) tally.cases[index]!++
  for (const { auditor, finding } of found) {
    if (outcome !== findingOf.none && finding === outcome) tally.gained[auditor]! += findingWei
    else if (isPlanted) tally.gained[auditor]! -= missWei
  }
}

export const hashOf = (...numbers: number[]): Hex =>
  bytesToHex(keccak256(concatBytes(numbers.map((number) => uintToBytes(BigInt(number), 8)))))

/** Chance of a world: a hash, then the next of it. */
export function createRandom(...numbers: number[]): () => number {
  let state = Number(BigInt(hashOf(3, ...numbers)) & 0xffffffffn)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
