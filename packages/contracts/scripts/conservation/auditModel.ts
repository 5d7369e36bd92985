/**
 * Licences, rounds and cases through any sequence of steps: every wei is in the pool, a bond, or somebody's credit or
 * licence, and pay, loss and slashing follow from what was found. Spec: spec/alignment.md 2, 4 to 8
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parseEther } from 'viem'
import { targetIdOf } from '../../src/drawTargets.ts'
import { type AuditRig, addProvider, auditRules, createAuditRig, licenceTerms } from '../auditRig.ts'
import type { AuditWorld } from './auditBooks.ts'
import { earnedOf } from './auditBooks.ts'
import {
  type AuditStep,
  auditSteps,
  confess,
  currentRound,
  now,
  plant as planted,
  plantedTarget,
  settledAfterRounds,
  startOf,
} from './auditSteps.ts'
import { type Model, secondsToWait } from './model.ts'

type Stage = AuditRig & Pick<AuditWorld, 'beganAt' | 'confession' | 'plantedFrom' | 'listedFrom'>

const stakeWei = parseEther('1')
const targetAccounts = [5, 6] as const
const reached = new Set<string>()

/** Now and then far on: bonds come back, and commissions hold, only after a while. */
async function wait(world: AuditWorld, { pick }: AuditStep): Promise<void> {
  const round = currentRound(world)
  const start = startOf(world, round)
  const far = startOf(world, round + settledAfterRounds + BigInt(pick % 3))
  const notice = now(world) + licenceTerms.noticeSeconds
  const rest = pick % 11 === 0 ? [far] : pick % 13 === 0 ? [notice] : []
  const ends = world.cases.filter(({ state }) => state === 'open').map(({ readyAt }) => readyAt)
  const moments = [start + auditRules.workSeconds, start + auditRules.roundSeconds, start + auditRules.openSeconds]
  const seconds = secondsToWait(
    now(world),
    rest.length > 0 ? rest : [...moments, ...ends],
    pick | (rest.length > 0 ? 1 : 0),
  )
  world.rig.evm.advance(1, seconds)
}

/** A whole round, from enrolling to its settlement: alone each of these steps seldom meets the others. */
async function session(world: AuditWorld, { pick }: AuditStep): Promise<void> {
  if (now(world) >= startOf(world, currentRound(world)) + auditRules.workSeconds) await world.goTo(1, 0n)
  for (let who = 0; who < 3; who++) await auditSteps.enrol!(world, { name: 'enrol', who, pick })
  await auditSteps.play!(world, { name: 'play', who: 0, pick: pick | 0b000010010 })
  await world.goTo(1, auditRules.openSeconds)
  for (let who = 0; who < 3; who++) await auditSteps.takeMissing!(world, { name: 'takeMissing', who, pick: 4 })
  for (const index of [0, 1]) await auditSteps.settle!(world, { name: 'settle', who: 0, pick: 4 + 6 * index })
}

/** The newest case is contested, and its jury sits. */
async function trial(world: AuditWorld, step: AuditStep): Promise<void> {
  await auditSteps.contest!(world, { name: 'contest', who: 0, pick: 2 })
  await session(world, step)
}

const steps: typeof auditSteps = { ...auditSteps, wait, session, trial }

export const auditModel: Model<Stage, AuditStep> = {
  name: 'audits',
  plants: ['miss-one-wei', 'commission-one-wei', 'contest-one-second', 'open-one-second'],
  sequence: fc.array(
    fc.record({
      name: fc.constantFrom(
        ...Object.keys(steps),
        ...[
          'enrol',
          'enrol',
          'enrol',
          'play',
          'play',
          'settle',
          'settle',
          'contest',
          'carryOut',
          'wait',
          'takeMissing',
        ],
      ),
      who: fc.integer({ min: 0, max: 2 }),
      pick: fc.integer({ min: 0, max: 1500 }),
    }),
    { minLength: 30, maxLength: 60, size: 'max' },
  ),
  async prepare(openRig) {
    const stage = await createAuditRig(3, openRig)
    const { rig, rounds } = stage
    const provider = rig.accounts[targetAccounts[plantedTarget]!]!.address
    const { drift, salt } = planted
    const { value: commitment } = await rig.must(rounds, 'plantCommitment', [targetIdOf(provider), drift, salt])
    await rig.must(rounds, 'commitPlant', [commitment])
    for (const account of targetAccounts) await addProvider(rig, rig.accounts[account]!.address, stakeWei)
    const beganAt = (await rig.must(rounds, 'beganAt', [])).value
    const listedFrom = (await stage.read())[0]!.fromRound
    const plantedFrom = (await rig.must(rounds, 'plants', [commitment])).value
    const confession = await confess(stage, targetAccounts[plantedTarget]!, commitment)
    return { ...stage, beganAt, listedFrom, plantedFrom, confession }
  },
  async play(stage, sequence, plant) {
    const world = await openWorld(stage, plant)
    for (const step of sequence) {
      await steps[step.name]!(world, step)
      await checkWorld(world)
    }
    for (const { state } of world.cases) reached.add(state)
  },
  checkReached() {
    assert.ok(reached.has('carriedOut') && (reached.has('upheld') || reached.has('dismissed')), [...reached].join())
  },
}

/** As the rig leaves it: three auditors, each with one licence and its bond. */
async function openWorld(stage: Stage, plant: string | undefined): Promise<AuditWorld> {
  const { rig, rounds, auditors } = stage
  const addresses = auditors.map(({ address }) => address)
  const slip = (name: string) => (plant === name ? 1n : 0n)
  return {
    ...stage,
    pool: (await rig.must(rounds, 'pool', [])).value,
    held: auditRules.bondWei * 3n,
    credits: new Map(),
    licenceCredits: new Map(),
    licences: addresses.map((owner, at) => ({ id: BigInt(at + 1), owner, operator: owner, credited: 0n })),
    operators: new Map(
      addresses.map((owner) => [owner, { bps: 0n, nextBps: 0n, nextFrom: 0n, licences: 1n, perLicence: 0n }]),
    ),
    joined: new Map(addresses.map((owner) => [owner, { bond: auditRules.bondWei, lastRound: 0n }])),
    played: new Map(),
    targets: targetAccounts.map((account) => {
      const provider = rig.accounts[account]!.address
      return { provider, id: targetIdOf(provider), juryRound: 0n, restUntil: 0n, contested: undefined }
    }),
    cases: [],
    slashable: new Map(targetAccounts.map((account) => [rig.accounts[account]!.address, stakeWei])),
    missWei: auditRules.missWei + slip('miss-one-wei'),
    contestSeconds: auditRules.contestSeconds + slip('contest-one-second'),
    openSeconds: auditRules.openSeconds + slip('open-one-second'),
    commissionSlip: slip('commission-one-wei'),
  }
}

async function checkWorld(world: AuditWorld): Promise<void> {
  const { rig, rounds, pool, held, credits, licenceCredits, licences, joined, slashable } = world
  const { alignmentLicence, providerStake } = rig.contracts
  const sum = (values: Iterable<bigint>) => [...values].reduce((total, wei) => total + wei, 0n)
  assert.equal(await rig.evm.balance(rounds.address), pool + held + sum(credits.values()))
  const earned = sum(licences.map((licence) => earnedOf(world, licence)))
  assert.equal(await rig.evm.balance(alignmentLicence.address), sum(licenceCredits.values()) + earned)
  assert.equal((await rig.must(rounds, 'pool', [])).value, pool)
  assert.equal((await rig.must(rounds, 'held', [])).value, held)
  for (const { address } of world.auditors) {
    assert.equal((await rig.must(rounds, 'auditors', [address])).value[2], joined.get(address)?.bond ?? 0n)
    assert.equal((await rig.must(alignmentLicence, 'credits', [address])).value, licenceCredits.get(address) ?? 0n)
    assert.equal((await rig.must(rounds, 'credits', [address])).value, credits.get(address) ?? 0n)
  }
  for (const [provider, wei] of slashable) {
    assert.equal((await rig.must(providerStake, 'slashableOf', [provider])).value, wei)
    assert.equal((await rig.must(rounds, 'credits', [provider])).value, credits.get(provider) ?? 0n)
  }
  const last = world.cases.at(-1)
  if (last) {
    const { value } = await rig.must(rounds, 'cases', [last.id])
    assert.deepEqual([value[2], value[1]], [stateNumbers[last.state], last.readyAt])
  }
}

const stateNumbers = { open: 1, contested: 2, upheld: 3, dismissed: 4, carriedOut: 5 } as const
