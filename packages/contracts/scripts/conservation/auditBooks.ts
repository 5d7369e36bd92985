/** What the model of audits remembers: licences and their shares, auditors and their bonds, rounds, targets, cases. */
import type { Hex } from 'viem'
import type { AuditRig } from '../auditRig.ts'
import { least } from './stakeBooks.ts'

type ReportState = 'enrolled' | 'committed' | 'revealed' | 'missed'
type Licence = { id: bigint; owner: Hex; operator: Hex | undefined; credited: bigint }
type Operator = { bps: bigint; nextBps: bigint; nextFrom: bigint; licences: bigint; perLicence: bigint }
type Found = { auditor: Hex; finding: number }
type Round = {
  isSeeded: boolean
  reports: Map<Hex, { state: ReportState; licences: bigint }>
  /** By target. */
  found: Map<number, Found[]>
  settled: Set<number>
  planted: Set<number>
}
export type Case = {
  id: Hex
  index: number
  readyAt: bigint
  state: 'open' | 'contested' | 'upheld' | 'dismissed' | 'carriedOut'
  juryRound: bigint
}
type Target = { provider: Hex; id: Hex; juryRound: bigint; restUntil: bigint; contested: Case | undefined }

export type AuditBooks = {
  pool: bigint
  held: bigint
  credits: Map<Hex, bigint>
  licenceCredits: Map<Hex, bigint>
  licences: Licence[]
  operators: Map<Hex, Operator>
  joined: Map<Hex, { bond: bigint; lastRound: bigint }>
  played: Map<bigint, Round>
  targets: Target[]
  cases: Case[]
  slashable: Map<Hex, bigint>
  missWei: bigint
  contestSeconds: bigint
  openSeconds: bigint
  /** Added to every commission, in wei. */
  commissionSlip: bigint
}

export type AuditWorld = AuditRig &
  AuditBooks & {
    /** Unix seconds of round 0. */
    beganAt: bigint
    listedFrom: bigint
    /** First round for which the plant counts, and what its provider signed. */
    plantedFrom: bigint
    confession: Hex
  }

export const add = (map: Map<Hex, bigint>, account: Hex, wei: bigint): void => {
  map.set(account, (map.get(account) ?? 0n) + wei)
}

export const operatorOf = (world: AuditBooks, account: Hex): Operator => {
  const known = world.operators.get(account)
  if (known) return known
  const fresh = { bps: 0n, nextBps: 0n, nextFrom: 0n, licences: 0n, perLicence: 0n }
  world.operators.set(account, fresh)
  return fresh
}

export const commissionOf = ({ bps, nextBps, nextFrom }: Operator, now: bigint): bigint =>
  nextFrom !== 0n && now >= nextFrom ? nextBps : bps

export const earnedOf = (world: AuditBooks, { operator, credited }: Licence): bigint =>
  (operator === undefined ? 0n : operatorOf(world, operator).perLicence) - credited

export const roundAt = (world: AuditBooks, round: bigint): Round => {
  const known = world.played.get(round)
  if (known) return known
  const fresh: Round = {
    isSeeded: false,
    reports: new Map(),
    found: new Map(),
    settled: new Set(),
    planted: new Set(),
  }
  world.played.set(round, fresh)
  return fresh
}

/** What an audit earned its operator, and the licences that are lent to it. */
export function share(world: AuditBooks, account: Hex, wei: bigint, now: bigint): void {
  const operator = operatorOf(world, account)
  const commission = (wei * commissionOf(operator, now)) / 10_000n + world.commissionSlip
  const each = operator.licences === 0n ? 0n : (wei - commission) / operator.licences
  operator.perLicence += each
  add(world.licenceCredits, account, wei - each * operator.licences)
}

export function creditSeat(world: AuditBooks, licence: Licence): void {
  const earned = earnedOf(world, licence)
  licence.credited += earned
  if (earned > 0n) add(world.licenceCredits, licence.owner, earned)
}

export function takeBond(world: AuditBooks, account: Hex): void {
  const auditor = world.joined.get(account)
  const bond = auditor?.bond ?? 0n
  const taken = least(bond, world.missWei)
  if (auditor) auditor.bond -= taken
  world.held -= taken
  world.pool += taken
}
