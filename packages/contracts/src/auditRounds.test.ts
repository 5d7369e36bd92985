import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeAbiParameters, hexToBytes, keccak256, parseEther, toHex } from 'viem'
import { addProvider, auditRules, createAuditRig, type Report } from '../scripts/auditRig.ts'
import { type CallResult, eventsOf } from '../scripts/contractRig.ts'
import { drawTargets, targetIdOf } from './drawTargets.ts'

const errorOf = (result: CallResult<unknown>) => (result.ok ? 'none' : result.error)
const clean = () => 1

let shared: ReturnType<typeof createAuditRig> | undefined

/** Three auditors, of which each is drawn with a chance of two thirds, and a provider of this test's own among others. */
async function stage(account: number) {
  shared ??= createAuditRig()
  const made = await shared
  const accused = made.rig.accounts[account]!
  // At the end of a round nobody may enrol for the next one any more.
  await made.goTo(1, 0n)
  return { ...made, accused, index: await addProvider(made.rig, accused.address) }
}

type Stage = Awaited<ReturnType<typeof stage>>

/** Says that of the test's own target, and of all others that they are clean. */
const about =
  ({ index }: Stage, finding: number) =>
  (_: unknown, at: number) =>
    at === Number(index) ? finding : 1

/** Plays rounds until so many auditors were drawn for the target. */
async function playUntil(made: Stage, findings: readonly [number, number, number], least: number): Promise<bigint> {
  for (let tries = 0; tries < 30; tries++) {
    const round = await made.playRound(findings.map((finding) => about(made, finding)))
    const { value } = await made.rig.must(made.rounds, 'findingsAt', [round, made.index])
    if (value.length >= least) return round
  }
  throw new Error('never drawn together')
}

/** So that all of them may enrol again. */
async function fillUp({ rig, rounds, auditors }: Stage): Promise<void> {
  for (const { address: from, keyX, keyY } of auditors) {
    await rig.must(rounds, 'join', [keyX, keyY], { from, value: auditRules.missWei })
  }
}

describe('Rounds of audits', () => {
  it('draw auditors by their keys: nobody else can name the targets, everybody can check them', async () => {
    const { rig, rounds, auditors, index, accused, goTo, drawSeed, report, commit, reveal, read } = await stage(4)
    for (const { address: from } of auditors) await rig.must(rounds, 'enrol', [], { from })
    assert.equal(errorOf(await rig.send(rounds, 'enrol', [], { from: auditors[0]!.address })), 'WrongState')
    const round = await goTo(1, 0n)
    await drawSeed(round)
    const targets = await read()
    const reports: Report[] = []
    for (const auditor of auditors) reports.push(await report(auditor, round, clean))
    for (const one of reports) {
      const { value } = await rig.must(rounds, 'isDrawn', [one.beta, 1n, round, index])
      const draw = { beta: one.beta, round, licences: 1n, allLicences: 3n, auditorsPerTarget: 2n }
      assert.equal(value, drawTargets(draw, targets).includes(Number(index)))
      assert.ok((await commit(one)).ok)
    }
    assert.equal(errorOf(await commit(reports[0]!)), 'WrongState')
    const [first] = reports
    assert.equal(errorOf(await reveal(first!)), 'WrongTime')
    await goTo(0, auditRules.workSeconds)
    assert.equal(errorOf(await commit(reports[0]!)), 'WrongTime')
    assert.equal(errorOf(await reveal({ ...first!, salt: targetIdOf(accused.address) })), 'NotCommitted')
    for (const field of ['gammaX', 'c', 's', 'uX', 'shY', 'cgX'] as const) {
      const proof = { ...first!.proof, [field]: first!.proof[field] ^ 1n }
      assert.match(errorOf(await reveal({ ...first!, proof })), /WrongProof|NotOnCurve/)
    }
    assert.equal(errorOf(await reveal({ ...first!, proof: reports[1]!.proof })), 'WrongProof')
    const revealed = await reveal(first!)
    assert.ok(revealed.ok)
    const [event] = eventsOf(rounds, revealed.logs)
    assert.equal(event?.eventName === 'Revealed' && event.args.beta, first!.beta)
    assert.equal(errorOf(await reveal(first!)), 'WrongState')
  })

  it('refuse findings for other targets than the drawn ones, or none for those', async () => {
    const { rig, rounds, auditors, goTo, drawSeed, report, commit, reveal } = await stage(5)
    const [auditor] = auditors
    await rig.must(rounds, 'enrol', [], { from: auditor!.address })
    const round = await goTo(1, 0n)
    await drawSeed(round)
    // Alone among the licences it is drawn for everything.
    const made = await report(auditor!, round, clean)
    assert.ok(made.findings.every((finding) => finding === 1))
    const none = { ...made, findings: made.findings.with(made.findings.length - 1, 0) }
    assert.ok((await commit(none)).ok)
    await goTo(0, auditRules.workSeconds)
    assert.equal(errorOf(await reveal(none)), 'WrongFindings')
  })

  it('pay findings that agree, and take from who reveals nothing', async () => {
    const made = await stage(6)
    const { rig, rounds, auditors, index } = made
    const round = await playUntil(made, [1, 1, 1], 2)
    assert.equal(errorOf(await rig.send(rounds, 'settle', [round, 63n])), 'NotListed')
    const settled = await rig.must(rounds, 'settle', [round, index])
    const paid = eventsOf(rounds, settled.logs).filter(({ eventName }) => eventName === 'Paid')
    assert.ok(paid.length >= 2)
    assert.equal(errorOf(await rig.send(rounds, 'settle', [round, index])), 'SettledAlready')
    const [, , outcome] = (await rig.must(rounds, 'tallies', [round, index])).value
    assert.equal(outcome, 1)
    await rig.must(rounds, 'enrol', [], { from: auditors[0]!.address })
    const missed = await made.goTo(1, 0n)
    await made.drawSeed(missed)
    await made.goTo(1, 0n)
    const before = (await rig.must(rounds, 'auditors', [auditors[0]!.address])).value[2]
    await rig.must(rounds, 'takeMissing', [missed, auditors[0]!.address])
    assert.equal(errorOf(await rig.send(rounds, 'takeMissing', [missed, auditors[0]!.address])), 'WrongState')
    const after = (await rig.must(rounds, 'auditors', [auditors[0]!.address])).value[2]
    assert.equal(before - after, auditRules.missWei)
    await fillUp(made)
  })

  it('slash a bounded share once a quorum agrees and nobody contests in time', async () => {
    const made = await stage(7)
    const { rig, rounds, index } = made
    const accused = made.accused.address
    const round = await playUntil(made, [2, 2, 2], 2)
    await rig.must(rounds, 'settle', [round, index])
    const caseId = (await rig.must(rounds, 'caseIdOf', [round, targetIdOf(accused)])).value
    assert.equal(errorOf(await rig.send(rounds, 'carryOut', [caseId])), 'CaseNotReady')
    rig.evm.advance(1, Number(auditRules.contestSeconds))
    assert.equal(
      errorOf(await rig.send(rounds, 'contest', [caseId], { from: accused, value: parseEther('1') })),
      'CaseNotOpen',
    )
    await rig.must(rounds, 'carryOut', [caseId])
    const left = (await rig.must(rig.contracts.providerStake, 'slashableOf', [accused])).value
    assert.equal(left, parseEther('0.9'))
    assert.equal(errorOf(await rig.send(rounds, 'carryOut', [caseId])), 'CaseNotReady')
    // Another quorum soon after makes no other case.
    const again = await playUntil(made, [2, 2, 2], 2)
    await rig.must(rounds, 'settle', [again, index])
    const next = (await rig.must(rounds, 'caseIdOf', [again, targetIdOf(accused)])).value
    assert.equal((await rig.must(rounds, 'cases', [next])).value[2], 0)
  })

  it('let the accused ask for a jury of all, whose word decides', async () => {
    for (const [account, finding, state] of [
      [8, 2, 3],
      [9, 1, 4],
    ] as const) {
      const made = await stage(account)
      const { rig, rounds, index, auditors } = made
      const accused = made.accused.address
      const round = await playUntil(made, [2, 2, 2], 2)
      await rig.must(rounds, 'settle', [round, index])
      const caseId = (await rig.must(rounds, 'caseIdOf', [round, targetIdOf(accused)])).value
      const value = auditRules.bondWei
      assert.equal(errorOf(await rig.send(rounds, 'contest', [caseId], { from: accused })), 'BondTooSmall')
      assert.equal(
        errorOf(await rig.send(rounds, 'contest', [caseId], { from: auditors[0]!.address, value })),
        'CallerNotAccused',
      )
      await rig.must(rounds, 'contest', [caseId], { from: accused, value })
      const jury = await playUntil(made, [finding, finding, finding], 3)
      assert.equal(jury, (await rig.must(rounds, 'cases', [caseId])).value[3])
      await rig.must(rounds, 'settle', [jury, index])
      assert.equal((await rig.must(rounds, 'cases', [caseId])).value[2], state)
      assert.equal((await rig.must(rounds, 'credits', [accused])).value, state === 4 ? value : 0n)
      assert.equal(errorOf(await rig.send(rounds, 'carryOut', [caseId])), state === 3 ? 'none' : 'CaseNotReady')
    }
  })

  // After all of the above; the next begins another world.
  it('hold what they owe, to the wei', async () => {
    const { rig, rounds } = await shared!
    const { alignmentLicence } = rig.contracts
    const people = rig.accounts.map(({ address }) => address)
    let owed = (await rig.must(rounds, 'pool', [])).value + (await rig.must(rounds, 'held', [])).value
    let earned = 0n
    for (const address of people) {
      owed += (await rig.must(rounds, 'credits', [address])).value
      earned += (await rig.must(alignmentLicence, 'credits', [address])).value
    }
    const sold = (await rig.must(alignmentLicence, 'sold', [])).value
    for (let id = 1n; id <= sold; id++) earned += (await rig.must(alignmentLicence, 'earnedOf', [id])).value
    assert.ok(earned > 0n)
    assert.equal(await rig.evm.balance(rounds.address), owed)
    assert.equal(await rig.evm.balance(alignmentLicence.address), earned)
  })

  it('make auditors who report a planted target clean lose, whatever their majority', async () => {
    shared = undefined
    const made = await stage(8)
    const { rig, rounds, index, auditors, accused: planted } = made
    const [salt, drift] = [keccak256(toHex('salt')), toHex('layer 3, one bit')] as const
    const commitment = (await rig.must(rounds, 'plantCommitment', [targetIdOf(planted.address), drift, salt])).value
    assert.equal(
      errorOf(await rig.send(rounds, 'commitPlant', [commitment], { from: planted.address })),
      'CallerNotPlanter',
    )
    await rig.must(rounds, 'commitPlant', [commitment])
    // Two lazy ones and one who looks.
    const round = await playUntil(made, [1, 1, 2], 2)
    const { value: found } = await rig.must(rounds, 'findingsAt', [round, index])
    const bondOf = async (at: number) => (await rig.must(rounds, 'auditors', [auditors[at]!.address])).value[2]
    const open = async (confession: `0x${string}`, what = drift) => {
      const start = (await rig.must(rounds, 'startOf', [round + 1n])).value
      // Within the time to open.
      rig.evm.block.timestamp = start + 1n
      return rig.send(rounds, 'openPlant', [round, index, what, salt, confession])
    }
    const types = [{ type: 'address' }, { type: 'uint256' }, { type: 'bytes32' }] as const
    const raw = keccak256(encodeAbiParameters(types, [rounds.address, BigInt(rig.chainId), commitment]))
    const signedBy = (at: number) => rig.accounts[at]!.signMessage({ message: { raw: hexToBytes(raw) } })
    assert.equal(errorOf(await open(await signedBy(2))), 'NotPlanted')
    assert.equal(errorOf(await open(await signedBy(8), toHex('another'))), 'NotPlanted')
    assert.ok((await open(await signedBy(8))).ok)
    rig.evm.advance(1, Number(auditRules.openSeconds))
    assert.equal(errorOf(await rig.send(rounds, 'openPlant', [round, index, drift, salt, '0x'])), 'WrongTime')
    await rig.must(rounds, 'settle', [round, index])
    for (const entry of found) {
      const at = auditors.findIndex(({ address }) => BigInt(address) === (entry & ((1n << 160n) - 1n)))
      const isLazy = at < 2
      assert.equal(await bondOf(at), auditRules.bondWei - (isLazy ? auditRules.missWei : 0n))
    }
    await fillUp(made)
    // Its planter's word alone slashes nobody.
    const caseId = (await rig.must(rounds, 'caseIdOf', [round, targetIdOf(planted.address)])).value
    assert.equal((await rig.must(rounds, 'cases', [caseId])).value[2], 0)
  })

  it('draw the seed from what the round before revealed, and a hash from before that', async () => {
    const seedOf = async (shown: readonly number[]) => {
      const made = await createAuditRig()
      const { rig, rounds, auditors, goTo, report, commit, reveal } = made
      for (const { address: from } of auditors) await rig.must(rounds, 'enrol', [], { from })
      const round = await goTo(1, 0n)
      await made.drawSeed(round)
      const reports: Report[] = []
      for (const auditor of auditors) reports.push(await report(auditor, round, clean))
      for (const one of reports) await commit(one)
      const [, , , early] = (await rig.must(rounds, 'roundOf', [round + 1n])).value
      await goTo(0, auditRules.workSeconds)
      for (const at of shown) await reveal(reports[at]!)
      const [, , , same, mix] = (await rig.must(rounds, 'roundOf', [round + 1n])).value
      assert.equal(same, early)
      await goTo(1, 0n)
      const first = await rig.must(rounds, 'beginRound', [])
      const [, , seed] = (await rig.must(rounds, 'roundOf', [round + 1n])).value
      const types = ['address', 'uint256', 'uint256', 'bytes32', 'uint256'].map((type) => ({ type }))
      const words = encodeAbiParameters(types, [rounds.address, BigInt(rig.chainId), round + 1n, early, mix])
      const isDrawn = eventsOf(rounds, first.logs).some(({ eventName }) => eventName === 'SeedDrawn')
      if (isDrawn) assert.equal(seed, keccak256(words))
      return { seed, isDrawn }
    }
    const all = await seedOf([0, 1, 2])
    assert.ok(all.isDrawn)
    // In whatever order the one who makes blocks puts them.
    assert.deepEqual(await seedOf([2, 0, 1]), all)
    // Each of them counts: who has the others cannot know it.
    assert.notEqual((await seedOf([0, 1])).seed, all.seed)
    // Without any a block has to be waited for.
    assert.equal((await seedOf([])).isDrawn, false)
  })

  it('let nobody enrol, and no target in, who can know what the seed is made of', async () => {
    const { rig, rounds, auditors, accused, index, goTo } = await stage(5)
    const [{ address: from }] = auditors as [(typeof auditors)[0]]
    const round = await goTo(0, auditRules.workSeconds)
    const enrolled = await rig.must(rounds, 'enrol', [], { from })
    const [event] = eventsOf(rounds, enrolled.logs)
    assert.equal(event?.eventName === 'Enrolled' && event.args.round, round + 2n)
    const { value: place } = await rig.must(rounds, 'list', [2, toHex('a node', { size: 32 })])
    assert.equal((await rig.must(rounds, 'isAudited', [place, round + 1n])).value, false)
    assert.equal((await rig.must(rounds, 'isAudited', [place, round + 2n])).value, true)
    assert.ok(accused && index >= 0n)
  })

  it('take the word of a planter about a storage node only if it was bound before the node was listed', async () => {
    shared = undefined
    const made = await stage(4)
    const { rig, rounds, goTo } = made
    const [salt, drift] = [keccak256(toHex('salt')), toHex('rows lost')] as const
    const openLater = async (place: bigint) => {
      const round = await goTo(1, 0n)
      await goTo(1, 1n)
      return rig.send(rounds, 'openPlant', [round, place, drift, salt, '0x'])
    }
    const [planned, framed] = [toHex('planted', { size: 32 }), toHex('honest', { size: 32 })]
    const commit = async (id: `0x${string}`) => {
      const { value } = await rig.must(rounds, 'plantCommitment', [id, drift, salt])
      await rig.must(rounds, 'commitPlant', [value])
    }
    await commit(planned)
    const { value: plannedAt } = await rig.must(rounds, 'list', [2, planned])
    const { value: framedAt } = await rig.must(rounds, 'list', [2, framed])
    await goTo(1, 0n)
    await commit(framed)
    assert.ok((await openLater(plannedAt)).ok)
    assert.equal(errorOf(await openLater(framedAt)), 'NotPlanted')
    const round = await goTo(1, 0n)
    await goTo(1, 1n)
    const from = rig.accounts[5]!.address
    assert.equal(
      errorOf(await rig.send(rounds, 'openPlant', [round, plannedAt, drift, salt, '0x'], { from })),
      'NotPlanted',
    )
  })

  it('list claims of hardware by anybody, and nodes of the chain by the owner', async () => {
    const { rig, rounds } = await stage(6)
    const provider = rig.accounts[8]!.address
    const service = { serviceType: 'chatbot', url: 'http://127.0.0.1:1', model: 'm', inputPrice: 1n, outputPrice: 1n }
    const register = (verifiability: string, value = 0n) => {
      const params = { ...service, verifiability, additionalInfo: '', teeSignerAddress: provider }
      return rig.must(rig.contracts.inferenceServing, 'addOrUpdateService', [params], { from: provider, value })
    }
    await register('OpML', parseEther('1'))
    const list = (kind: number, id: `0x${string}`) => rig.send(rounds, 'list', [kind, id], { from: provider })
    assert.equal(errorOf(await list(3, targetIdOf(provider))), 'NoSuchService')
    await register('TeeML')
    const listed = await list(3, targetIdOf(provider))
    assert.ok(listed.ok)
    assert.equal(errorOf(await rig.send(rounds, 'delist', [listed.value])), 'StillServing')
    await register('')
    assert.ok((await rig.send(rounds, 'delist', [listed.value])).ok)
    assert.match(errorOf(await list(4, keccak256(toHex('http://127.0.0.1:8545')))), /not the owner/)
    assert.ok((await rig.send(rounds, 'list', [4, keccak256(toHex('http://127.0.0.1:8545'))])).ok)
  })

  it('list providers that serve, storage nodes by the owner alone, and take off who serves no more', async () => {
    const { rig, rounds, index, goTo, ...made } = await stage(9)
    const accused = made.accused.address
    assert.equal(errorOf(await rig.send(rounds, 'list', [1, targetIdOf(accused)])), 'ListedAlready')
    assert.equal(errorOf(await rig.send(rounds, 'list', [1, targetIdOf(rig.accounts[0]!.address)])), 'NoSuchService')
    assert.match(errorOf(await rig.send(rounds, 'list', [2, targetIdOf(accused)], { from: accused })), /not the owner/)
    assert.equal(errorOf(await rig.send(rounds, 'list', [5, targetIdOf(accused)])), 'InvalidParameter')
    // It says `OpML`.
    assert.equal(errorOf(await rig.send(rounds, 'list', [3, targetIdOf(accused)])), 'NoSuchService')
    assert.equal((await rig.must(rounds, 'list', [2, targetIdOf(accused)])).value, index + 1n)
    assert.equal(errorOf(await rig.send(rounds, 'delist', [index])), 'StillServing')
    await rig.must(rig.contracts.inferenceServing, 'removeService', [], { from: accused })
    await rig.must(rounds, 'delist', [index])
    assert.equal(errorOf(await rig.send(rounds, 'delist', [index])), 'NotListed')
    const round = await goTo(2, 0n)
    assert.equal((await rig.must(rounds, 'isAudited', [index, round - 1n])).value, true)
    assert.equal((await rig.must(rounds, 'isAudited', [index, round])).value, false)
  })

  it('keep the bond of an auditor until no round of it can take any more', async () => {
    const { rig, rounds, auditors, goTo } = await stage(7)
    const [{ address: from, keyX, keyY }] = auditors as [(typeof auditors)[0]]
    assert.equal(errorOf(await rig.send(rounds, 'join', [keyX, keyY + 1n], { from })), 'NotOnCurve')
    assert.equal(errorOf(await rig.send(rounds, 'join', [auditors[1]!.keyX, auditors[1]!.keyY], { from })), 'Enlisted')
    await rig.must(rounds, 'enrol', [], { from })
    assert.equal(errorOf(await rig.send(rounds, 'resign', [], { from })), 'StillBound')
    await goTo(10, 0n)
    await rig.must(rounds, 'resign', [], { from })
    const bond = (await rig.must(rounds, 'credits', [from])).value
    assert.ok(bond >= auditRules.bondWei)
    const before = await rig.evm.balance(from)
    await rig.must(rounds, 'withdrawCredit', [], { from })
    assert.equal((await rig.evm.balance(from)) - before, bond)
    assert.equal(errorOf(await rig.send(rounds, 'enrol', [], { from })), 'NotEnlisted')
  })
})
