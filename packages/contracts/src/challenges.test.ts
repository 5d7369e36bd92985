/** A provider that withholds answers on chain in time, or loses stake; who asks no more loses the bond. Spec: spec/dispute.md 13. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { createDefender, planStep } from '@weightless/dispute'
import { stepArgument } from '@weightless/dispute/contract/accusationArguments'
import { type ProbeRun, runProbe } from '@weightless/dispute/referee/probeJob.cases'
import type { Rule } from '@weightless/dispute/working/rules'
import { encodeAbiParameters, type Hex, keccak256, toHex } from 'viem'
import { challengeOn, playOnChain } from '../scripts/challengeRig.ts'
import type { CallResult } from '../scripts/contractRig.ts'
import {
  createDisputeRig,
  type DisputeReceipt,
  type DisputeRig,
  probeOptions,
  stakedWei,
} from '../scripts/disputeRig.ts'
import { presets } from '../scripts/presets.ts'
import { inputHashOf, requestShape as shape } from '../scripts/requestShape.ts'

const { disputeBondWei: bond, answerSeconds } = presets.weightless
const errorOf = (result: CallResult<unknown>) => (result.ok ? 'none' : result.error)
const word: Hex = `0x${'11'.repeat(32)}`

describe('DisputeGame: challenges', () => {
  let honest: ProbeRun
  let cheat: ProbeRun
  let stage: DisputeRig
  before(async () => {
    stage = await fresh()
    honest = runProbe(stage.model, probeOptions)
    const { tables } = planStep(honest.job, 6, 4, 0)
    const fault = { position: 4, operator: 6, table: tables.length - 2, word: 3, flip: 1 << 12 }
    cheat = runProbe(stage.model, { ...probeOptions, faults: [fault], before: honest })
  })

  async function fresh(): Promise<DisputeRig> {
    const made = await createDisputeRig()
    await made.vouch()
    return made
  }

  const receiptAt = (of: DisputeRig, run: ProbeRun, job: bigint): DisputeReceipt => ({
    ...of.receiptFor(run, job),
    timestamp: of.rig.evm.block.timestamp,
  })
  const finish = (of: DisputeRig, id: Hex, from = of.accuser) =>
    of.rig.send(of.rig.contracts.disputeGame, 'finish', [id], { from })
  const creditOf = async (of: DisputeRig, account: Hex) =>
    (await of.rig.must(of.rig.contracts.disputeGame, 'credits', [account])).value
  const late = (of: DisputeRig, seconds = answerSeconds) => of.rig.evm.advance(1, Number(seconds) + 1)

  it('brings a provider that would not answer to its wrong number, and the bond back', async (t) => {
    const receipt = receiptAt(stage, cheat, 1n)
    const id = await challengeOn(stage, receipt)
    const { accused, questions, gasMax, signed } = await playOnChain(stage, cheat, receipt, id)
    assert.ok(accused.found === 'accusation')
    t.diagnostic(`${questions} questions, the dearest move ${gasMax} gas`)
    assert.ok(questions <= 12, String(questions))
    const { accusation } = accused
    const sent = await stage.accuseOnChain(receipt, accusation, signed, undefined)
    assert.equal(errorOf(sent), 'none')
    assert.equal(await stage.slashable(), stakedWei / 2n)
    assert.equal(errorOf(await finish(stage, id)), 'none')
    assert.equal(await creditOf(stage, stage.accuser), bond)
    const { rig, accuser } = stage
    const held = await rig.evm.balance(accuser)
    await rig.must(rig.contracts.disputeGame, 'withdrawCredit', [], { from: accuser })
    assert.equal((await rig.evm.balance(accuser)) - held, bond)
    const again = await rig.send(rig.contracts.disputeGame, 'withdrawCredit', [], { from: accuser })
    assert.equal(errorOf(again), 'NothingToWithdraw')
  })

  it('takes silence for guilt when the time is over, and not before; stake that is taken back stays so long', async () => {
    const own = await fresh()
    const { rig, provider, accuser } = own
    const id = await challengeOn(own, receiptAt(own, honest, 2n))
    await rig.must(rig.contracts.disputeGame, 'askStep', [id, 1], { from: accuser })
    assert.equal(errorOf(await finish(own, id)), 'NotYet')
    await rig.must(rig.contracts.inferenceServing, 'removeService', [], { from: provider.address })
    const [, , held] = [0, 0, (await rig.must(rig.contracts.providerStake, 'heldUntil', [provider.address])).value]
    assert.ok(held >= rig.evm.block.timestamp + answerSeconds)
    late(own)
    const step = stepArgument((await createDefender(honest.defence).step(1))!)
    assert.equal(errorOf(await rig.send(rig.contracts.disputeGame, 'showStep', [id, step])), 'TooLate')
    assert.equal(errorOf(await finish(own, id, provider.address)), 'none')
    assert.equal(await own.slashable(), stakedWei / 2n)
    assert.deepEqual([await creditOf(own, accuser), await own.credit(accuser)], [bond, stakedWei / 20n])
    assert.equal(errorOf(await finish(own, id)), 'NotToMove')
  })

  it('gives the bond of a challenger who asks no more to the provider', async () => {
    const own = await fresh()
    const { rig, provider } = own
    const { disputeGame } = rig.contracts
    const id = await challengeOn(own, receiptAt(own, honest, 3n))
    await rig.must(disputeGame, 'askStep', [id, 1], { from: own.accuser })
    const step = stepArgument((await createDefender(honest.defence).step(1))!)
    await rig.must(disputeGame, 'showStep', [id, step], { from: provider.address })
    late(own)
    const ask = await rig.send(disputeGame, 'askStep', [id, 2], { from: own.accuser })
    assert.equal(errorOf(ask), 'TooLate')
    assert.equal(errorOf(await finish(own, id)), 'none')
    assert.deepEqual([await creditOf(own, provider.address), await own.slashable()], [bond, stakedWei])
  })

  it('lets an honest provider answer everything that can be asked, and it loses nothing', async () => {
    const own = await fresh()
    const receipt = receiptAt(own, honest, 4n)
    const id = await challengeOn(own, receipt)
    // Whoever believes in another number asks the whole way down to it, and what is there is right.
    const { accused, signed } = await playOnChain(own, honest, receipt, id, cheat)
    assert.ok(accused.found === 'accusation')
    const sent = await own.accuseOnChain(receipt, accused.accusation, signed, undefined)
    assert.equal(errorOf(sent), 'NothingWrong')
    late(own)
    await finish(own, id)
    assert.deepEqual([await own.slashable(), await creditOf(own, own.provider.address)], [stakedWei, bond])
  })

  it('takes no questions about what is not there, and no answers that do not come to what was committed', async () => {
    const own = stage
    const { rig, accuser, provider, facts } = own
    const { disputeGame } = rig.contracts
    const receipt = receiptAt(own, honest, 5n)
    const id = await challengeOn(own, receipt)
    const root = receipt.traceRoot
    const from = { from: accuser }
    const height = 3
    const refused = async (error: string, sending: Promise<CallResult<unknown>>) =>
      assert.equal(errorOf(await sending), error)
    await refused('QuestionWrong', rig.send(disputeGame, 'askTrace', [id, height, 0, word, []], from))
    await refused('QuestionWrong', rig.send(disputeGame, 'askTrace', [id, height + 1, 0, root, []], from))
    await refused('PathWrong', rig.send(disputeGame, 'askTrace', [id, height, 1, root, []], from))
    await refused('QuestionWrong', rig.send(disputeGame, 'askStep', [id, 5], from))
    await refused('QuestionWrong', rig.send(disputeGame, 'askRoot', [id, 0, 15, facts], from))
    await refused('OperatorUnknown', rig.send(disputeGame, 'askRoot', [id, 4, 18, facts], from))
    await refused('QuestionWrong', rig.send(disputeGame, 'askRoot', [id, 4, 1, { ...facts, width: 32n }], from))
    await refused('NotToMove', rig.send(disputeGame, 'askStep', [id, 1], { from: provider.address }))
    await refused('NotToMove', rig.send(disputeGame, 'showHashes', [id, [word]], from))
    const signed = { operator: 1, ...(await own.signRoot(receipt, { position: 4, operator: 1 }, word)) }
    await refused('PathWrong', rig.send(disputeGame, 'askWorking', [id, 4, signed, facts, 0, 0, root, []], from))
    await refused('RootNotSigned', rig.send(disputeGame, 'askWorking', [id, 3, signed, facts, 0, 0, root, []], from))
    await rig.must(disputeGame, 'askTrace', [id, height, 0, root, []], from)
    await refused('NotToMove', rig.send(disputeGame, 'askStep', [id, 1], from))
    const hashes = (await createDefender(honest.defence).traceHashes(height, 0))!.map(bytesToHex)
    await refused('AnswerWrongForm', rig.send(disputeGame, 'showHashes', [id, hashes.slice(1)]))
    await refused('AnswerWrongForm', rig.send(disputeGame, 'showHashes', [id, [word, ...hashes.slice(1)]]))
    await refused('NotToMove', rig.send(disputeGame, 'showChunk', [id, '0x00']))
    await rig.must(disputeGame, 'showHashes', [id, hashes])
  })

  it('excuses a provider whose receipt is of several answers', async () => {
    const own = stage
    const [slashable, credit] = [await own.slashable(), await creditOf(own, own.provider.address)]
    const { rig, provider } = own
    const { disputeGame } = rig.contracts
    const roots = [bytesToHex(honest.job.traceRoot), word]
    const tag = keccak256(toHex('weightless/receipt/v1/trace-roots'))
    const traceRoot = keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'bytes32[]' }], [tag, roots]))
    const id = await challengeOn(own, { ...receiptAt(own, honest, 8n), traceRoot })
    assert.equal(errorOf(await rig.send(disputeGame, 'excuseAnswers', [id, [word]])), 'NotExcused')
    await rig.must(disputeGame, 'excuseAnswers', [id, roots])
    assert.deepEqual([await creditOf(own, provider.address), await own.slashable()], [credit + bond, slashable])
  })

  it('has no working of a choice under masks asked for, once the provider shows that there were some', async () => {
    const own = await fresh()
    const { rig, provider, accuser, facts } = own
    const { disputeGame } = rig.contracts
    const from = { from: provider.address }
    const inputHash = inputHashOf(shape)
    const id = await challengeOn(own, { ...receiptAt(own, honest, 20n), inputHash })
    await rig.must(disputeGame, 'askRoot', [id, 4, 17, facts], { from: accuser })
    const other = { ...shape, schema: '{"type":"string"}' }
    assert.equal(errorOf(await rig.send(disputeGame, 'excuseShape', [id, other], from)), 'NotExcused')
    await rig.must(disputeGame, 'excuseShape', [id, shape], from)
    assert.equal(errorOf(await rig.send(disputeGame, 'excuseShape', [id, shape], from)), 'NotExcused')
    const again = await rig.send(disputeGame, 'askRoot', [id, 4, 17, facts], { from: accuser })
    assert.equal(errorOf(again), 'QuestionWrong')
    // All other operators are asked about as before, and silence about one of them costs stake.
    await rig.must(disputeGame, 'askRoot', [id, 4, 16, facts], { from: accuser })
    late(own)
    await finish(own, id)
    assert.equal(await own.slashable(), stakedWei / 2n)
    // Several free answers are no masks.
    const free = { ...shape, schema: '', choices: 2 }
    const next = await fresh()
    const freeId = await challengeOn(next, { ...receiptAt(next, honest, 21n), inputHash: inputHashOf(free) })
    await next.rig.must(disputeGame, 'askRoot', [freeId, 4, 17, facts], { from: accuser })
    assert.equal(errorOf(await next.rig.send(disputeGame, 'excuseShape', [freeId, free], from)), 'NotExcused')
  })

  it('brings a provider that changed its draw to the wrong number', async () => {
    const adjust = { presence: 0.25, frequency: 1, bias: [[3, 2]] as const }
    const own = await fresh()
    const options = { ...probeOptions, sampler: { ...probeOptions.sampler, temperature: 0.7, topP: 0.8, adjust } }
    const asIf = (rule: Rule): Rule => (rule.kind === 'draw' ? { ...rule, index: rule.index + 1 } : rule)
    const run = runProbe(own.model, { ...options, asIf, before: honest })
    const receipt = receiptAt(own, run, 22n)
    const id = await challengeOn(own, receipt)
    const mine = runProbe(own.model, { ...options, forced: run.tokens, before: honest })
    const { accused, signed } = await playOnChain(own, run, receipt, id, mine)
    assert.ok(accused.found === 'accusation')
    assert.equal(errorOf(await own.accuseOnChain(receipt, accused.accusation, signed, undefined)), 'none')
    assert.equal(await own.slashable(), stakedWei / 2n)
  })

  it('opens for a bond, once for a receipt and challenger, and as long as stake of that time is there', async () => {
    const own = stage
    const { rig, accuser, user } = own
    const { disputeGame } = rig.contracts
    const receipt = receiptAt(own, honest, 6n)
    const exhibit = await own.exhibitOf(receipt)
    const open = (value: bigint, shown = exhibit, from = accuser) =>
      rig.send(disputeGame, 'challenge', [shown], { from, value })
    const open0 = (await rig.must(disputeGame, 'openGames', [own.provider.address])).value
    assert.equal(errorOf(await open(bond - 1n)), 'BondWrong')
    assert.equal(errorOf(await open(bond)), 'none')
    assert.equal(errorOf(await open(bond)), 'GameKnown')
    assert.equal(errorOf(await open(bond, exhibit, user)), 'none')
    // Two games, and a provider that takes one after the other.
    const id = keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'address' }], [own.idOf(receipt), user]))
    const { deadline } = (await rig.must(disputeGame, 'gameOf', [id])).value
    assert.equal(deadline, rig.evm.block.timestamp + (open0 + 2n) * answerSeconds)
    rig.evm.advance(1, 4201)
    const old = { ...receipt, jobNonce: 7n }
    assert.equal(errorOf(await open(bond, await own.exhibitOf(old))), 'ReceiptTooOld')
  })
})
