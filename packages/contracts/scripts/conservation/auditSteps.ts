/** What may happen to licences, bonds, rounds and cases, each as the contracts do it and as the rules say. Spec: spec/alignment.md */
import assert from 'node:assert/strict'
import { encodeAbiParameters, type Hex, hexToBytes, keccak256, toHex } from 'viem'
import { drawTargets, findingOf, weighFindings } from '../../src/drawTargets.ts'
import { auditRules, licenceTerms, type Report } from '../auditRig.ts'
import {
  type AuditWorld,
  add,
  type Case,
  commissionOf,
  creditSeat,
  operatorOf,
  roundAt,
  share,
  takeBond,
} from './auditBooks.ts'
import { least } from './stakeBooks.ts'

export type AuditStep = { name: string; who: number; pick: number }
type Act = (world: AuditWorld, step: AuditStep) => Promise<void>

export const settledAfterRounds = 8n
export const plantedTarget = 1
export const plant = { drift: toHex('rows lost'), salt: keccak256(toHex('salt')) } as const
const { workSeconds, roundSeconds, bondWei, auditorsPerTarget, quorum, restRounds, slashPercent, findingWei } =
  auditRules

export const now = ({ rig }: AuditWorld): bigint => rig.evm.block.timestamp
export const currentRound = (world: AuditWorld): bigint => (now(world) - world.beganAt) / roundSeconds
export const startOf = ({ beganAt }: AuditWorld, round: bigint): bigint => beganAt + round * roundSeconds
const nextRound = (world: AuditWorld): bigint => {
  const round = currentRound(world)
  return now(world) < startOf(world, round) + workSeconds ? round + 1n : round + 2n
}
const accountOf = ({ rig }: AuditWorld, who: number): Hex => rig.accounts[1 + (who % 3)]!.address

export const auditSteps: { [name: string]: Act } = {
  async fund(world, { pick }) {
    const value = BigInt(pick + 1)
    await world.rig.must(world.rounds, 'fund', [], { value })
    world.pool += value
  },
  async buy(world, { who, pick }) {
    const owner = accountOf(world, who)
    const value = licenceTerms.priceWei + (pick % 5 === 0 ? 1n : 0n)
    const sent = await world.rig.send(world.rig.contracts.alignmentLicence, 'buy', [owner], { from: owner, value })
    assert.equal(sent.ok, value === licenceTerms.priceWei)
    if (!sent.ok) return
    world.licences.push({ id: sent.value, owner, operator: undefined, credited: 0n })
    world.pool += value
  },
  async delegate(world, { who, pick }) {
    const licence = world.licences[pick % world.licences.length]
    const [from, to] = [accountOf(world, who), accountOf(world, pick >> 4)]
    if (!licence) return
    const { bps, nextBps, nextFrom } = operatorOf(world, to)
    const present = commissionOf({ ...operatorOf(world, to) }, now(world))
    const most = nextFrom !== 0n && nextBps > present ? nextBps : present
    const agreed = BigInt((pick >> 2) % 2 ? 10_000 : Number(bps))
    const args = [licence.id, to, agreed] as const
    const sent = await world.rig.send(world.rig.contracts.alignmentLicence, 'delegate', args, { from })
    assert.equal(sent.ok, licence.owner === from && most <= agreed)
    if (!sent.ok) return
    creditSeat(world, licence)
    if (licence.operator) operatorOf(world, licence.operator).licences--
    operatorOf(world, to).licences++
    Object.assign(licence, { operator: to, credited: operatorOf(world, to).perLicence })
  },
  async commission(world, { who, pick }) {
    const account = accountOf(world, who)
    const operator = operatorOf(world, account)
    const bps = BigInt((pick * 37) % 10_003)
    const args = [Number(bps)] as const
    const sent = await world.rig.send(world.rig.contracts.alignmentLicence, 'setCommission', args, { from: account })
    assert.equal(sent.ok, bps <= 10_000n)
    if (!sent.ok) return
    const present = commissionOf(operator, now(world))
    Object.assign(operator, { bps: present, nextBps: 0n, nextFrom: 0n })
    if (bps <= present || operator.licences === 0n) operator.bps = bps
    else Object.assign(operator, { nextBps: bps, nextFrom: now(world) + licenceTerms.noticeSeconds })
  },
  async collect(world, { pick }) {
    const licence = world.licences[pick % world.licences.length]
    if (!licence) return
    await world.rig.must(world.rig.contracts.alignmentLicence, 'collect', [[licence.id]])
    creditSeat(world, licence)
  },
  async join(world, { who, pick }) {
    const { keyX, keyY, address: from } = world.auditors[who % 3] as { keyX: bigint; keyY: bigint; address: Hex }
    const books = world.joined.get(from)
    const value = pick % 3 === 0 ? 1n : bondWei / BigInt(1 + (pick % 3))
    const sent = await world.rig.send(world.rounds, 'join', [keyX, keyY], { from, value })
    assert.equal(sent.ok, (books?.bond ?? 0n) + value >= bondWei)
    if (!sent.ok) return
    world.joined.set(from, { bond: (books?.bond ?? 0n) + value, lastRound: books?.lastRound ?? 0n })
    world.held += value
  },
  async resign(world, { who }) {
    const from = accountOf(world, who)
    const books = world.joined.get(from)
    const sent = await world.rig.send(world.rounds, 'resign', [], { from })
    const isFree = books && (books.lastRound === 0n || currentRound(world) > books.lastRound + settledAfterRounds)
    assert.equal(sent.ok, isFree === true)
    if (!sent.ok || !books) return
    world.joined.delete(from)
    world.held -= books.bond
    add(world.credits, from, books.bond)
  },
  async enrol(world, { who }) {
    const from = accountOf(world, who)
    const books = world.joined.get(from)
    const round = nextRound(world)
    const sent = await world.rig.send(world.rounds, 'enrol', [], { from })
    const licences = operatorOf(world, from).licences
    assert.equal(sent.ok, books !== undefined && books.bond >= bondWei && books.lastRound < round && licences > 0n)
    if (!sent.ok || !books) return
    books.lastRound = round
    roundAt(world, round).reports.set(from, { state: 'enrolled', licences })
  },
  /** Goes to the next round: those enrolled are drawn, and find, forget or leave what the number says. */
  async play(world, { pick }) {
    const round = await world.goTo(1, 0n)
    const books = roundAt(world, round)
    await world.drawSeed(round)
    books.isSeeded = true
    const made: { report: Report; isShown: boolean }[] = []
    for (const [place, [account, report]] of [...books.reports].entries()) {
      const bits = (pick >> (3 * place)) & 7
      // One in eight does nothing at all.
      if (bits === 0) continue
      const auditor = world.auditors.find(({ address }) => address === account)!
      const finding = bits < 5 ? 1 + ((pick >> 1) % 2) : 1 + (bits % 4)
      const one = await world.report(auditor, round, () => finding)
      assert.ok((await world.commit(one)).ok)
      report.state = 'committed'
      made.push({ report: one, isShown: bits !== 1 })
    }
    await world.goTo(0, workSeconds)
    for (const { report, isShown } of made) {
      if (!isShown) continue
      assert.ok((await world.reveal(report)).ok)
      note(world, round, report)
    }
  },
  async plant(world, { pick }) {
    const round = currentRound(world) - 1n
    const { rig, rounds } = world
    const args = [round, BigInt(plantedTarget), plant.drift, plant.salt, world.confession] as const
    const from = rig.accounts[pick % 2]!.address
    const sent = await rig.send(rounds, 'openPlant', args, { from })
    const ended = startOf(world, round + 1n)
    assert.equal(sent.ok, round >= world.plantedFrom && now(world) < ended + world.openSeconds)
    if (sent.ok) roundAt(world, round).planted.add(plantedTarget)
  },
  async settle(world, { pick }) {
    const round = currentRound(world) - BigInt(1 + (pick % 3 === 0 ? (pick >> 3) % 10 : 0))
    const index = (pick >> 1) % world.targets.length
    if (round < world.listedFrom) return
    const books = roundAt(world, round)
    const sent = await world.rig.send(world.rounds, 'settle', [round, BigInt(index)])
    const isTime =
      now(world) >= startOf(world, round + 1n) + world.openSeconds && currentRound(world) <= round + settledAfterRounds
    assert.equal(sent.ok, isTime && !books.settled.has(index))
    if (!sent.ok) return
    books.settled.add(index)
    weigh(world, round, index)
  },
  async takeMissing(world, { who, pick }) {
    const account = accountOf(world, who)
    const round = currentRound(world) - BigInt((pick >> 2) % 3)
    if (round < 0n) return
    const books = roundAt(world, round)
    const report = books.reports.get(account)
    const sent = await world.rig.send(world.rounds, 'takeMissing', [round, account])
    const isOwed = report?.state === 'enrolled' || report?.state === 'committed'
    assert.equal(sent.ok, now(world) >= startOf(world, round + 1n) && books.isSeeded && isOwed)
    if (!sent.ok || !report) return
    report.state = 'missed'
    takeBond(world, account)
  },
  async contest(world, { pick }) {
    const entry = pickCase(world, pick)
    if (!entry) return
    const target = world.targets[entry.index]!
    const value = bondWei - (pick % 4 === 0 ? 1n : 0n)
    const sent = await world.rig.send(world.rounds, 'contest', [entry.id], { from: target.provider, value })
    assert.equal(sent.ok, entry.state === 'open' && now(world) < entry.readyAt && value >= bondWei)
    if (!sent.ok) return
    Object.assign(entry, { state: 'contested', juryRound: nextRound(world) })
    target.juryRound = entry.juryRound
    target.contested = entry
    world.held += value
  },
  async carryOut(world, { pick }) {
    const entry = pickCase(world, pick)
    if (!entry) return
    const sent = await world.rig.send(world.rounds, 'carryOut', [entry.id])
    const isReady = entry.state === 'upheld' || (entry.state === 'open' && now(world) >= entry.readyAt)
    assert.equal(sent.ok, isReady)
    if (!sent.ok) return
    entry.state = 'carriedOut'
    const { provider } = world.targets[entry.index]!
    const there = world.slashable.get(provider)!
    world.slashable.set(provider, there - (there * BigInt(slashPercent)) / 100n)
  },
  async dismissOverdue(world, { pick }) {
    const entry = pickCase(world, pick)
    if (!entry) return
    const sent = await world.rig.send(world.rounds, 'dismissOverdue', [entry.id])
    const isOverdue = entry.state === 'contested' && currentRound(world) > entry.juryRound + settledAfterRounds
    assert.equal(sent.ok, isOverdue)
    if (sent.ok) decide(world, entry, false)
  },
  async withdraw(world, { who, pick }) {
    const isLicences = pick % 2 === 0
    const { rig, rounds } = world
    const credits = isLicences ? world.licenceCredits : world.credits
    const people = [...rig.accounts.slice(1, 4), ...rig.accounts.slice(5, 7)].map(({ address }) => address)
    const from = people[(who + (pick >> 1)) % people.length]!
    const sent = isLicences
      ? await rig.send(rig.contracts.alignmentLicence, 'withdrawCredit', [], { from })
      : await rig.send(rounds, 'withdrawCredit', [], { from })
    assert.equal(sent.ok, (credits.get(from) ?? 0n) > 0n)
    credits.set(from, 0n)
  },
}

const pickCase = ({ cases }: AuditWorld, pick: number): Case | undefined =>
  cases[(pick % 2 === 0 ? cases.length - 1 : pick >> 1) % (cases.length || 1)]

function note(world: AuditWorld, round: bigint, { auditor, beta, findings }: Report): void {
  const { reports, found } = roundAt(world, round)
  const report = reports.get(auditor.address)!
  report.state = 'revealed'
  const allLicences = [...reports.values()].reduce((sum, { licences }) => sum + licences, 0n)
  const draw = { beta, round, licences: report.licences, allLicences, auditorsPerTarget: BigInt(auditorsPerTarget) }
  const targets = world.targets.map(({ id, juryRound }) => {
    return { id, kind: 1, fromRound: world.listedFrom, untilRound: 0n, juryRound }
  })
  for (const index of drawTargets(draw, targets)) {
    if (findings[index] === findingOf.skipped) continue
    found.set(index, [...(found.get(index) ?? []), { auditor: auditor.address, finding: findings[index]! }])
  }
}

/** Pay, loss, and the case that follows. */
function weigh(world: AuditWorld, round: bigint, index: number): void {
  const books = roundAt(world, round)
  const found = books.found.get(index) ?? []
  const agreed = weighFindings(
    found.map(({ finding }) => finding),
    quorum,
  )
  const isPlanted = books.planted.has(index)
  const outcome = isPlanted ? findingOf.faulty : agreed
  for (const { auditor, finding } of found) {
    if (outcome !== 0 && finding === outcome) {
      const amount = least(findingWei, world.pool)
      world.pool -= amount
      share(world, auditor, amount, now(world))
    } else if (outcome !== 0 && isPlanted) takeBond(world, auditor)
  }
  const isFaulty = agreed === findingOf.faulty
  const target = world.targets[index]!
  if (target.contested?.state === 'contested' && target.contested.juryRound === round) {
    decide(world, target.contested, isFaulty)
    return
  }
  if (!isFaulty || round < target.restUntil || round === target.juryRound) return
  target.restUntil = round + BigInt(restRounds)
  const readyAt = now(world) + world.contestSeconds
  world.cases.push({ id: caseIdOf(round, target.id), index, readyAt, state: 'open', juryRound: 0n })
}

function decide(world: AuditWorld, entry: Case, isUpheld: boolean): void {
  entry.state = isUpheld ? 'upheld' : 'dismissed'
  world.held -= bondWei
  if (isUpheld) world.pool += bondWei
  else add(world.credits, world.targets[entry.index]!.provider, bondWei)
}

const caseIdOf = (round: bigint, id: Hex): Hex =>
  keccak256(encodeAbiParameters([{ type: 'uint256' }, { type: 'bytes32' }], [round, id]))

/** What the planted provider signs. */
export async function confess(
  { rig, rounds }: Pick<AuditWorld, 'rig' | 'rounds'>,
  place: number,
  commitment: Hex,
): Promise<Hex> {
  const types = [{ type: 'address' }, { type: 'uint256' }, { type: 'bytes32' }] as const
  const raw = keccak256(encodeAbiParameters(types, [rounds.address, BigInt(rig.chainId), commitment]))
  return rig.accounts[place]!.signMessage({ message: { raw: hexToBytes(raw) } })
}
