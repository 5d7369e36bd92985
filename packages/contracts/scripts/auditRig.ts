/** Rounds of audits in a local EVM: auditors with licences and keys, providers with stakes, and a round from draw to settlement. */
import { secp256k1PublicKey, vrfProve, vrfPublicKey, vrfWitness } from '@weightless/crypto'
import { bytesToHex, type Hex, hexToBytes, keccak256, parseEther, toHex } from 'viem'
import { type AuditTarget, drawTargets, reportCommitment, targetIdOf } from '../src/drawTargets.ts'
import { createRig, type Rig } from './contractRig.ts'
import { presets } from './presets.ts'

export const auditRules = presets.weightless.audits!.rules
export const licenceTerms = presets.weightless.audits!.licence

export type RigAuditor = { address: Hex; secret: Uint8Array; keyX: bigint; keyY: bigint }
export type Report = {
  auditor: RigAuditor
  round: bigint
  findings: Uint8Array
  evidence: Hex
  salt: Hex
  beta: Hex
  proof: ReturnType<typeof vrfWitness>
}
/** What an auditor says about each target that it was drawn for. */
export type Opinion = (target: AuditTarget, index: number) => number

export const evidence = keccak256(toHex('evidence'))

export async function createAuditRig(auditorCount = 3, openRig: () => Promise<Rig> = () => createRig()) {
  const rig = await openRig()
  const { auditRounds: rounds } = rig.contracts
  const auditors: RigAuditor[] = []
  for (let index = 0; index < auditorCount; index++) auditors.push(await addAuditor(rig, index))
  const read = async () => (await rig.must(rounds, 'targets', [])).value as readonly AuditTarget[]
  const now = async () => (await rig.must(rounds, 'currentRound', [])).value

  /** Goes to so many seconds after the start of the round that is `ahead` of the present one. */
  async function goTo(ahead: number, second: bigint): Promise<bigint> {
    const round = (await now()) + BigInt(ahead)
    const start = (await rig.must(rounds, 'startOf', [round])).value
    rig.evm.advance(2, Number(start + second - rig.evm.block.timestamp))
    return round
  }

  async function drawSeed(round: bigint): Promise<Hex> {
    await rig.must(rounds, 'beginRound', [])
    rig.evm.advance(1, 1)
    await rig.must(rounds, 'beginRound', [])
    const [, , seed] = (await rig.must(rounds, 'roundOf', [round])).value
    return seed
  }

  async function report(auditor: RigAuditor, round: bigint, opinion: Opinion): Promise<Report> {
    const [, allLicences, seed] = (await rig.must(rounds, 'roundOf', [round])).value
    const [, licences] = (await rig.must(rounds, 'reports', [round, auditor.address])).value
    const alpha = hexToBytes(seed)
    const { proof, beta } = vrfProve(auditor.secret, alpha)
    const targets = await read()
    const draw = { beta: bytesToHex(beta), round, licences: BigInt(licences), allLicences: BigInt(allLicences) }
    const per = { auditorsPerTarget: BigInt(auditRules.auditorsPerTarget) }
    const findings = new Uint8Array(targets.length)
    for (const index of drawTargets({ ...draw, ...per }, targets)) findings[index] = opinion(targets[index]!, index)
    const salt = keccak256(toHex(`salt ${auditor.address} ${round}`))
    const witness = vrfWitness(vrfPublicKey(auditor.secret), alpha, proof)
    return { auditor, round, findings, evidence, salt, beta: draw.beta, proof: witness }
  }

  const commit = (made: Report) =>
    rig.send(rounds, 'commit', [reportCommitment({ ...made, auditor: made.auditor.address })], {
      from: made.auditor.address,
    })
  const reveal = (made: Report) =>
    rig.send(rounds, 'reveal', [made.proof, bytesToHex(made.findings), made.evidence, made.salt], {
      from: made.auditor.address,
    })

  /** Everybody enrols, is drawn, commits and reveals; ends when the round can be settled. */
  async function playRound(opinions: readonly Opinion[]): Promise<bigint> {
    for (const { address } of auditors.slice(0, opinions.length)) {
      await rig.must(rounds, 'enrol', [], { from: address })
    }
    const round = await goTo(1, 0n)
    await drawSeed(round)
    const made: Report[] = []
    for (const [index, opinion] of opinions.entries()) made.push(await report(auditors[index]!, round, opinion))
    for (const one of made) await commit(one)
    await goTo(0, auditRules.workSeconds)
    for (const one of made) await reveal(one)
    await goTo(1, auditRules.openSeconds)
    return round
  }

  return { rig, rounds, auditors, read, now, goTo, drawSeed, report, commit, reveal, playRound }
}

export type AuditRig = Awaited<ReturnType<typeof createAuditRig>>

/** With one licence, lent to itself, and the bond. */
async function addAuditor(rig: Rig, index: number): Promise<RigAuditor> {
  const { auditRounds, alignmentLicence } = rig.contracts
  const from = rig.accounts[1 + index]!.address
  const secret = hexToBytes(keccak256(toHex(`auditor ${index}`)))
  const point = secp256k1PublicKey(secret)!
  const [keyX, keyY] = [BigInt(bytesToHex(point.subarray(1, 33))), BigInt(bytesToHex(point.subarray(33)))]
  const bought = await rig.must(alignmentLicence, 'buy', [from], { from, value: licenceTerms.priceWei })
  await rig.must(alignmentLicence, 'delegate', [bought.value, from, 0n], { from })
  await rig.must(auditRounds, 'join', [keyX, keyY], { from, value: auditRules.bondWei })
  return { address: from, secret, keyX, keyY }
}

/** Registered with a stake of one token, and listed for audits from the next round on. */
export async function addProvider(rig: Rig, from: Hex, value = parseEther('1')): Promise<bigint> {
  const service = { serviceType: 'chatbot', url: 'http://127.0.0.1:1', model: 'm', verifiability: 'OpML' }
  const params = { ...service, inputPrice: 1n, outputPrice: 1n, additionalInfo: '', teeSignerAddress: from }
  await rig.must(rig.contracts.inferenceServing, 'addOrUpdateService', [params], { from, value })
  return (await rig.must(rig.contracts.auditRounds, 'list', [1, targetIdOf(from)])).value
}
