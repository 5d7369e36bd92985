/** A wrong answer costs its provider stake, shown by anybody in one transaction; a right one costs nothing. Spec: spec/dispute.md 12. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { buildHashTree, hashLeaf, hashTreePath, hashTreeRoot } from '@weightless/crypto'
import type { Accusation } from '@weightless/dispute'
import { accusationArguments } from '@weightless/dispute/contract/accusationArguments'
import { planStep } from '@weightless/dispute/referee/judge'
import {
  type Fault,
  type ProbeRun,
  type RunOptions,
  runProbe,
  seeded,
} from '@weightless/dispute/referee/probeJob.cases'
import { unitWords } from '@weightless/dispute/working/computeWord'
import { chunkBytes, evaluateWorking, workingTree } from '@weightless/dispute/working/evaluateWorking'
import type { Rule } from '@weightless/dispute/working/rules'
import { stepDigest } from '@weightless/tensor/trace/recordSteps'
import { bytesToHex, type Hex } from 'viem'
import { type CallResult, eventsOf } from '../scripts/contractRig.ts'
import { createDisputeRig, type DisputeRig, probeOptions, stakedWei } from '../scripts/disputeRig.ts'
import { readsOf } from '../scripts/judgeCase.ts'

const errorOf = (result: CallResult<unknown>) => (result.ok ? 'none' : result.error)
const rounds = process.env.WEIGHTLESS_HEAVY === '1' ? 40 : 3

describe('DisputeGame: one transaction', () => {
  let stage: DisputeRig
  let honest: ProbeRun
  let cheat: ProbeRun
  /** Output of the first layer's gate at the last step, one bit of a word. */
  let fault: Fault
  before(async () => {
    stage = await createDisputeRig()
    honest = runProbe(stage.model, probeOptions)
    const { tables } = planStep(honest.job, 6, 4, 0)
    fault = { position: 4, operator: 6, table: tables.length - 2, word: 3, flip: 1 << 12 }
    cheat = runProbe(stage.model, { ...probeOptions, faults: [fault], before: honest })
  })

  it('needs facts of the model and its program, which anybody brings', async () => {
    const receipt = stage.receiptFor(cheat)
    const found = (await stage.accuseRun(cheat, receipt))!
    const accuse = () => stage.accuseOnChain(receipt, found.accusation, found.signed, found.range)
    assert.equal(errorOf(await accuse()), 'FactsUnknown')
    await stage.vouch()
    const exhibit = await stage.exhibitOf(receipt)
    const false_ = { ...exhibit, model: { ...stage.facts, epsilon: stage.facts.epsilon + 1n } }
    assert.equal(
      errorOf(await stage.accuseOnChain(receipt, found.accusation, found.signed, found.range, false_)),
      'FactsUnknown',
    )
    const other = { ...receipt, programId: `0x${'11'.repeat(32)}` as Hex }
    assert.equal(
      errorOf(await stage.accuseOnChain(other, found.accusation, found.signed, found.range)),
      'ProgramUnknown',
    )
  })

  it('takes half the stake for a wrong word, once a job, and pays user and accuser', async () => {
    const { rig, accuser, user, slashable, credit } = stage
    const receipt = stage.receiptFor(cheat)
    const found = (await stage.accuseRun(cheat, receipt))!
    assert.ok(found.finding.guilty && found.accusation.kind === 'word')
    const sent = await stage.accuseOnChain(receipt, found.accusation, found.signed, found.range)
    assert.ok(sent.ok, errorOf(sent))
    assert.equal(await slashable(), stakedWei / 2n)
    assert.deepEqual([await credit(user), await credit(accuser)], [(stakedWei / 2n / 100n) * 40n, stakedWei / 20n])
    const [shown] = eventsOf(rig.contracts.disputeGame, sent.logs)
    assert.ok(shown?.eventName === 'AnswerWrong')
    assert.deepEqual([shown.args.kind, shown.args.operator, shown.args.receiptHash], [1, 6n, stage.idOf(receipt)])
    assert.ok(found.finding.expected.startsWith(`0x${shown.args.expected.toString(16).padStart(8, '0')}`))
    const again = await stage.accuseOnChain(receipt, found.accusation, found.signed, found.range)
    assert.equal(errorOf(again), 'FaultCounted')
    assert.ok(sent.gasUsed < 3_000_000n, String(sent.gasUsed))
  })

  it('finds faults of every kind as packages/dispute finds them', async () => {
    const random = seeded('faults on chain')
    const kinds = new Set<string>()
    let [shown, job] = [0, 100n]
    const accuse = async (run: ProbeRun, label: string) => {
      const receipt = stage.receiptFor(run, ++job)
      const found = await stage.accuseRun(run, receipt)
      if (found === undefined) return
      assert.ok(found.finding.guilty, label)
      kinds.add(found.accusation.kind)
      const { accusation, signed, range } = found
      const sent = await stage.accuseOnChain(receipt, accusation, signed, range)
      assert.equal(errorOf(sent), 'none', `${label} ${accusation.kind}`)
      shown++
    }
    // A source that is not what it was: its chain, or the digest that it is bound to, shows it.
    await accuse(
      runProbe(stage.model, {
        ...probeOptions,
        faults: [{ ...fault, operator: 3, table: 0, word: 5 }],
        before: honest,
      }),
      'source',
    )
    await accuse(runProbe(stage.model, { ...probeOptions, forced: [5, 42, 79, 7], before: honest }), 'token')
    for (let round = 0; round < rounds; round++) {
      const position = Math.floor(random() * 5)
      const operator = Math.floor(random() * (honest.operators[position]!.length / 32))
      const { tables } = planStep(honest.job, operator, position, honest.tokens[position]!)
      const table = Math.floor(random() * tables.length)
      const planted = {
        position,
        operator,
        table,
        word: Math.floor(random() * tables[table]!.words),
        flip: 2 ** Math.floor(random() * 8),
      }
      await accuse(
        runProbe(stage.model, { ...probeOptions, faults: [planted], before: honest }),
        JSON.stringify(planted),
      )
    }
    assert.ok(shown >= 2 && kinds.has('token'), [...kinds].join())
  })

  /** A provider that chooses tokens otherwise than its receipt says, in ways that its logits do not show. */
  const samplers: { [name: string]: { sampler: Partial<RunOptions['sampler']>; asIf: (rule: Rule) => Rule } } = {
    'another temperature': {
      sampler: { temperature: 0.8 },
      asIf: (rule) => (rule.kind === 'weight' ? { ...rule, temperature: Math.fround(0.9) } : rule),
    },
    'another counter': {
      sampler: { temperature: 0.8, topP: 0.9 },
      asIf: (rule) => (rule.kind === 'draw' ? { ...rule, index: rule.index + 1 } : rule),
    },
    'another share': {
      sampler: { temperature: 1.1, topP: 0.9 },
      asIf: (rule) => ('topP' in rule ? { ...rule, topP: 0.5 } : rule),
    },
    'another penalty': {
      sampler: { temperature: 0.8, adjust: { presence: 0.5, frequency: 0.25, bias: [[9, 1.5]] } },
      asIf: (rule) =>
        rule.kind === 'adjusted' ? { ...rule, adjust: { presence: 0.5, frequency: 0.5, bias: [[9, 1.5]] } } : rule,
    },
    'a draw of its own': {
      sampler: { temperature: 0.8 },
      asIf: (rule) => (rule.kind === 'draw' ? { ...rule, seed32: new Uint8Array(32).fill(7) } : rule),
    },
  }
  for (const [index, [name, { sampler, asIf }]] of Object.entries(samplers).entries()) {
    it(`finds ${name} than the receipt's, and nothing wrong with who keeps to it`, async () => {
      const options = { ...probeOptions, sampler: { ...probeOptions.sampler, ...sampler } }
      const run = runProbe(stage.model, { ...options, asIf, before: honest })
      const receipt = stage.receiptFor(run, BigInt(300 + index))
      const found = (await stage.accuseRun(run, receipt, options))!
      assert.ok(found.finding.guilty && found.finding.operator === 'sample', JSON.stringify(found.finding))
      const sent = await stage.accuseOnChain(receipt, found.accusation, found.signed, found.range)
      assert.equal(errorOf(sent), 'none')
      assert.ok(sent.ok && sent.gasUsed < 3_000_000n)
      // The same unit of an honest run.
      assert.ok(found.accusation.kind === 'word')
      const { table, index: word } = found.accusation
      const right = runProbe(stage.model, { ...options, before: honest })
      const own = stage.receiptFor(right, BigInt(350 + index))
      const { position } = found.accusation.working.step
      const shown = await unitOf(right, own, 17, position, table, word)
      const answer = await stage.accuseOnChain(own, shown.accusation, shown.signed, shown.range)
      assert.equal(errorOf(answer), 'NothingWrong')
    })
  }

  it('tells a word the bias of its token, wherever it stands in the list, and of no other', async () => {
    const bias = [
      [3, 1.5],
      [7, -2],
      [20, 0.25],
      [100, 4],
    ] as const
    const sampler = { ...probeOptions.sampler, temperature: 0.8, adjust: { presence: 0, frequency: 0, bias } }
    const right = runProbe(stage.model, { ...probeOptions, sampler, before: honest })
    const receipt = stage.receiptFor(right, 370n)
    const { tables } = planStep(right.job, 17, 4, right.tokens[4]!)
    const table = tables.findIndex(({ rule }) => rule.kind === 'adjusted')
    for (const token of [0, 2, 3, 4, 7, 19, 20, 21, 100, 101, 255]) {
      const { accusation, signed, range } = await unitOf(right, receipt, 17, 4, table, token)
      assert.equal(errorOf(await stage.accuseOnChain(receipt, accusation, signed, range)), 'NothingWrong', `${token}`)
    }
    const exhibit = await stage.exhibitOf(receipt)
    const { accusation, signed, range } = await unitOf(right, receipt, 17, 4, table, 7)
    const refused = async (adjust: Partial<(typeof exhibit)['adjust']>) => {
      const shown = { ...exhibit, adjust: { ...exhibit.adjust, ...adjust } }
      assert.equal(errorOf(await stage.accuseOnChain(receipt, accusation, signed, range, shown)), 'SamplerWrong')
    }
    const { biased, biasBits } = exhibit.adjust
    await refused({ biased: biased.slice(1), biasBits: biasBits.slice(1) })
    await refused({ biased: biased.toReversed() })
    await refused({ biasBits: biasBits.with(1, biasBits[0]!) })
    await refused({ presenceBits: 1n })
  })

  it('binds logits that were changed before the choice to those that the model gave', async () => {
    const options = { ...probeOptions, sampler: { ...probeOptions.sampler, temperature: 0.8, topP: 0.9 } }
    const planted = { position: 3, operator: 17, table: 0, word: 9, flip: 1 << 22 }
    const run = runProbe(stage.model, { ...options, faults: [planted], before: honest })
    const receipt = stage.receiptFor(run, 380n)
    const found = (await stage.accuseRun(run, receipt, options))!
    assert.ok(found.finding.guilty && found.accusation.kind === 'bound')
    const sent = await stage.accuseOnChain(receipt, found.accusation, found.signed, found.range)
    assert.equal(errorOf(sent), 'none')
  })

  it('binds tokens that a choice was told of to the steps that consumed them', async () => {
    const adjust = { presence: 1, frequency: 0.5, bias: [] }
    const options = { ...probeOptions, sampler: { ...probeOptions.sampler, temperature: 0.8, adjust } }
    const right = runProbe(stage.model, { ...options, before: honest })
    const table = planStep(right.job, 17, 4, right.tokens[4]!).tables.findIndex(({ name }) => name === 'said')
    const run = runProbe(stage.model, { ...options, faults: [{ position: 4, operator: 17, table, word: 0, flip: 1 }] })
    const receipt = stage.receiptFor(run, 390n)
    const found = (await stage.accuseRun(run, receipt, options))!
    assert.ok(found.finding.guilty && found.finding.what === 'said' && found.accusation.kind === 'bound')
    const { accusation, signed } = found
    const other = await stage.accuseOnChain(receipt, { ...accusation, row: 1 }, signed, undefined)
    assert.equal(errorOf(other), 'NothingShown')
    const claimed = await stage.accuseOnChain(
      receipt,
      { ...accusation, row: 1, bound: stepOf(run, 4) },
      signed,
      undefined,
    )
    assert.equal(errorOf(claimed), 'NothingWrong')
    assert.equal(errorOf(await stage.accuseOnChain(receipt, accusation, signed, undefined)), 'none')
  })

  it('cannot be turned against an honest provider: each unit of its workings is right', async () => {
    const random = seeded('honest words on chain')
    const receipt = stage.receiptFor(honest, 50n)
    for (let round = 0; round < rounds; round++) {
      const position = 3 + Math.floor(random() * 2)
      const operator = Math.floor(random() * 18)
      const { accusation, signed, range } = await honestUnit(receipt, operator, position, random)
      const sent = await stage.accuseOnChain(receipt, accusation, signed, range)
      assert.equal(errorOf(sent), 'NothingWrong', JSON.stringify({ operator, position }))
    }
    const step = stepOf(honest, 4)
    assert.equal(
      errorOf(await stage.accuseOnChain(receipt, { kind: 'count', step }, undefined, undefined)),
      'NothingWrong',
    )
    const record = recordOf(honest, 3)
    const token: Accusation = { kind: 'token', step: stepOf(honest, 3), next: step, record }
    assert.equal(errorOf(await stage.accuseOnChain(receipt, token, undefined, undefined)), 'NothingWrong')
  })

  it('reverts where a byte of what is shown is another', async () => {
    const receipt = stage.receiptFor(cheat, 60n)
    const { accusation, signed, range } = (await stage.accuseRun(cheat, receipt))!
    const { functionName, args } = accusationArguments(accusation, signed, range)
    const exhibit = await stage.exhibitOf(receipt)
    const random = seeded('flipped bytes')
    const text = JSON.stringify([exhibit, ...args], (_, value) =>
      typeof value === 'bigint' ? { wide: String(value) } : value,
    )
    const lower = text.replaceAll(/0x[0-9a-fA-F]+/g, (hex) => hex.toLowerCase())
    const places = [...lower.matchAll(/0x[0-9a-f]{2,}/g)]
    for (let round = 0; round < 4 * rounds; round++) {
      const { index, 0: hex } = places[Math.floor(random() * places.length)]!
      const at = index! + 2 + Math.floor(random() * (hex.length - 2))
      const flipped = (Number.parseInt(lower[at]!, 16) ^ (1 << Math.floor(random() * 4))).toString(16)
      const changed = JSON.parse(`${lower.slice(0, at)}${flipped}${lower.slice(at + 1)}`, (_, value) =>
        value !== null && typeof value === 'object' && 'wide' in value ? BigInt(value.wide) : value,
      )
      const sent = await stage.rig.send(stage.rig.contracts.disputeGame, functionName, changed as never, {
        from: stage.accuser,
      })
      assert.equal(sent.ok, false, `${hex.slice(0, 40)} at ${at - index!}`)
    }
    assert.ok((await stage.accuseOnChain(receipt, accusation, signed, range)).ok)
  })

  it('takes signatures of the provider alone, over this receipt and place', async () => {
    const { rig, provider } = stage
    const receipt = stage.receiptFor(cheat, 70n)
    const { accusation, signed, range } = (await stage.accuseRun(cheat, receipt))!
    assert.ok('working' in accusation && signed)
    const place = { position: accusation.working.step.position, operator: accusation.working.operator }
    const stranger = rig.accounts[3]!
    const attempt = async (root: typeof signed) => errorOf(await stage.accuseOnChain(receipt, accusation, root, range))
    assert.equal(await attempt(await stage.signRoot(receipt, place, signed.root, stranger)), 'RootNotSigned')
    assert.equal(
      await attempt(await stage.signRoot({ ...receipt, jobNonce: 71n }, place, signed.root)),
      'RootNotSigned',
    )
    assert.equal(await attempt(await stage.signRoot(receipt, { ...place, position: 3 }, signed.root)), 'RootNotSigned')
    assert.equal(await attempt(await stage.signRoot(receipt, { ...place, operator: 7 }, signed.root)), 'RootNotSigned')
    const exhibit = await stage.exhibitOf(receipt)
    const foreign = { ...exhibit, signature: await stage.signReceipt(stranger, receipt) }
    const sent = await stage.accuseOnChain(receipt, accusation, signed, range, foreign)
    assert.equal(errorOf(sent), 'NotSignedByProvider')
    for (const change of [{ check: 0 }, { serviceClass: 2 }, { version: 2 }, { completionTokens: 0n }]) {
      const other = { ...receipt, ...change }
      assert.equal(errorOf(await stage.accuseOnChain(other, accusation, signed, range)), 'ReceiptForeign')
    }
    const adjusted = { ...receipt, sampler: `0x${'22'.repeat(32)}` as Hex }
    assert.equal(errorOf(await stage.accuseOnChain(adjusted, accusation, signed, range)), 'SamplerWrong')
    assert.ok(provider.address)
  })

  it('takes two roots for one place as they are, without the model', async () => {
    const { rig, accuser } = stage
    const receipt = stage.receiptFor(honest, 80n)
    const signature = await stage.signReceipt(stage.provider, receipt)
    const place = { position: 2, operator: 1 }
    const root = async (byte: string, at = place) => ({
      operator: at.operator,
      ...(await stage.signRoot(receipt, at, `0x${byte.repeat(32)}`)),
    })
    const prove = (one: Awaited<ReturnType<typeof root>>, other: typeof one) =>
      rig.send(rig.contracts.disputeGame, 'proveTwoRoots', [receipt, signature, 0, 2, one, other], { from: accuser })
    const [one, two] = [await root('01'), await root('02')]
    assert.equal(errorOf(await prove(one, one)), 'NothingWrong')
    assert.equal(errorOf(await prove(one, await root('02', { position: 2, operator: 2 }))), 'NothingWrong')
    assert.equal(errorOf(await prove(one, await root('02', { position: 3, operator: 1 }))), 'RootNotSigned')
    assert.equal(errorOf(await prove(one, two)), 'none')
    assert.equal(errorOf(await prove(two, one)), 'FaultCounted')
  })

  function stepOf(run: ProbeRun, position: number) {
    const leaves = run.operators.map((digests, t) => hashLeaf(stepDigest(t, run.tokens[t]!, digests)))
    const path = hashTreePath(buildHashTree(leaves), position)
    return { position, token: run.tokens[position]!, operators: run.operators[position]!, path }
  }

  function recordOf(run: ProbeRun, position: number): Uint8Array {
    return run.execution.record(position)!
  }

  /** An accusation of a unit that is right, with all that its rule reads. */
  async function honestUnit(
    receipt: Parameters<DisputeRig['idOf']>[0],
    operator: number,
    position: number,
    random: () => number,
  ) {
    const { tables } = planStep(honest.job, operator, position, honest.tokens[position]!)
    const computed = tables.flatMap(({ rule }, table) => (rule.kind === 'source' ? [] : [table]))
    const table = computed[Math.floor(random() * computed.length)]!
    const { rule, words } = tables[table]!
    const word = Math.floor(random() * words)
    return unitOf(honest, receipt, operator, position, table, word - (word % unitWords(rule)))
  }

  async function unitOf(
    run: ProbeRun,
    receipt: Parameters<DisputeRig['idOf']>[0],
    operator: number,
    position: number,
    table: number,
    index: number,
  ) {
    const { model } = stage
    const step = stepOf(run, position)
    const working = evaluateWorking(planStep(run.job, operator, position, step.token), run.sources, model.file)
    const read = readsOf(
      working.plan,
      (of, from, count) => working.tables[of]!.subarray(from, from + count),
      model.file,
      table,
      index,
    )
    const tree = workingTree(working)
    const chunks = read.chunks.map((chunk) => ({
      chunk,
      bytes: chunkBytes(working, chunk),
      path: hashTreePath(tree, chunk),
    }))
    const accusation: Accusation = { kind: 'word', working: { step, operator, chunks }, table, index }
    const signed = await stage.signRoot(receipt, { position, operator }, bytesToHex(hashTreeRoot(tree)))
    return { accusation, signed, range: read.file && stage.prove(read.file.from, read.file.count) }
  }
})
