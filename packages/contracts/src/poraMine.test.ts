import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { type Hex, hexToBytes, keccak256, numberToHex, toEventSelector, toFunctionSelector, toHex } from 'viem'
import { createRig, eventsOf } from '../scripts/contractRig.ts'
import { createPoraRig, minePreset, type PoraAnswer } from '../scripts/poraRig.ts'
import { abis } from './abis.ts'

type Vector = { [group: string]: { [name: string]: never } }
const vector = JSON.parse(readFileSync(new URL('../../../vectors/pora/pora.json', import.meta.url), 'utf8')) as Vector
const plainWords = (): Hex[] => {
  const bytes = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7 + (i >> 8) * 13) & 255)
  return Array.from({ length: 128 }, (_, i) => toHex(bytes.subarray(32 * i, 32 * i + 32)))
}
const zero = numberToHex(0, { size: 32 })
const fullMask = 2n ** 64n - 1n

function vectorAnswer(): PoraAnswer {
  const { minerId, nonce, sealOffset, recallPosition } = vector.pora as unknown as { [name: string]: Hex }
  return {
    contextDigest: zero,
    nonce: nonce!,
    minerId: minerId!,
    range: { startPosition: 0n, mineLength: 65_536n, shardId: 0n, shardMask: fullMask },
    recallPosition: BigInt(recallPosition!),
    sealOffset: BigInt(sealOffset!),
    sealedContextDigest: zero,
    sealedData: plainWords(),
    merkleProof: [],
  }
}

describe('Mine contract against the published one', () => {
  it('gives the published quality, and refuses what its nonce does not recall', async () => {
    const { contracts, must, send } = await createRig(minePreset)
    const { subtaskDigest, quality } = vector.pora as unknown as { [name: string]: Hex }
    const answer = vectorAnswer()
    const result = await must(contracts.poraMine, 'pora', [answer, subtaskDigest!])
    assert.equal(result.value, quality)
    const elsewhere = [
      { ...answer, recallPosition: answer.recallPosition + 16n },
      { ...answer, sealOffset: 6n },
      { ...answer, nonce: zero },
      { ...answer, recallPosition: answer.recallPosition + 16n * 64n, sealOffset: 69n },
    ]
    for (const wrong of elsewhere)
      assert.equal((await send(contracts.poraMine, 'pora', [wrong, subtaskDigest!])).ok, false)
  })

  it('unseals the published seal', async () => {
    const { contracts, must } = await createRig(minePreset)
    const { minerId, contextDigest, startSector, mask0, sealedWord0 } = vector.seal as unknown as {
      [name: string]: Hex
    }
    const base = { ...vectorAnswer(), minerId: minerId!, sealedContextDigest: contextDigest! }
    const sealedData = plainWords().map((_, i) => (i === 0 ? sealedWord0! : zero))
    const answer = { ...base, recallPosition: BigInt(startSector!), sealedData }
    const value = (await must(contracts.poraMine, 'unseal', [answer])).value as readonly Hex[]
    assert.equal(value[0], plainWords()[0])
    assert.equal(BigInt(value[0]!) ^ BigInt(sealedWord0!), BigInt(mask0!))
    assert.equal(value[1], keccak256(sealedWord0!))
    assert.equal(value[2], keccak256(zero))
  })

  it('has the published selectors and topics', () => {
    const submit = abis.poraMine.find((item) => item.type === 'function' && item.name === 'submit')
    assert.equal(toFunctionSelector(submit as never), (vector.selectors as unknown as { submit: Hex }).submit)
    for (const [name, topic] of Object.entries(vector.topics as unknown as { [name: string]: Hex })) {
      const event = [...abis.poraMine, ...abis.rewardPool].find((item) => item.type === 'event' && item.name === name)
      assert.equal(toEventSelector(event as never), topic, name)
    }
  })
})

describe('Range checks of the published tests', () => {
  const TB = 2n ** 40n / 256n
  const GB = 2n ** 30n / 256n
  const digest = numberToHex(1, { size: 32 })

  async function check(flowLength: bigint, range: Partial<PoraAnswer['range']>) {
    const rig = await createRig(minePreset)
    const context = { epoch: 1n, mineStart: 0n, flowRoot: zero, flowLength, blockDigest: zero, digest }
    const full = { startPosition: 0n, mineLength: 8n * TB, shardId: 0n, shardMask: fullMask, ...range }
    const answer = { ...vectorAnswer(), contextDigest: digest, range: full }
    const result = await rig.send(rig.contracts.poraMine, 'basicCheck', [answer, context])
    return result.ok ? 'passed' : result.error
  }

  it('refuse and take the same ranges', async () => {
    // no epoch covers anything here, so that a good range fails at the next check
    const good = 'Invalid sealed context digest'
    const cases: [bigint, Partial<PoraAnswer['range']>, string][] = [
      [10n * TB, { startPosition: 3n * TB }, 'Mining range overflow'],
      [10n * TB, { startPosition: 2n * TB - GB }, 'Start position is not aligned'],
      [10n * TB, { startPosition: 2n * TB, mineLength: 8n * TB - 8n * GB }, 'Mining range too short'],
      [10n * TB, { startPosition: 2n * TB }, good],
      [10n * TB, { startPosition: 8n * GB }, good],
      [8n * TB - 1n, { mineLength: 8n * TB - 1024n }, good],
      [8n * TB - 1n, { startPosition: 8n * GB, mineLength: 8n * TB - 16n * GB }, 'Mining range too short'],
      [20n * TB, { startPosition: 6n * TB, mineLength: 16n * TB, shardMask: fullMask - 1n }, 'Mining range overflow'],
      [20n * TB, { mineLength: 16n * TB - 8n * GB, shardMask: fullMask - 1n }, 'Mining range too short'],
      [20n * TB, { mineLength: 16n * TB, shardMask: fullMask - 1n, shardId: 1n }, good],
      [20n * TB, { mineLength: 16n * TB, shardMask: fullMask - 1n, shardId: 3n }, 'Masked bits should be zero'],
      [20n * TB, { mineLength: 16n * TB }, 'Mining range too long'],
      [20n * TB, { shardMask: fullMask - 511n }, 'Too many shards'],
      [20n * TB, { shardMask: 5n }, 'Shard mask is none'],
      [20n * TB, { shardMask: 0n }, 'Shard mask is none'],
      [1023n, { mineLength: 0n }, 'Mining range too short'],
    ]
    for (const [flowLength, range, expected] of cases) assert.equal(await check(flowLength, range), expected)
  })
})

describe('Mining on chain', () => {
  it('registers, seals, answers and is paid', async () => {
    const { rig, register, work, answer } = await createPoraRig()
    const { poraMine, rewardPool } = rig.contracts
    const minerId = await register()
    rig.evm.advance(1, 100)
    const task = await work(minerId)
    assert.ok(task.poraTarget > 0n)
    const found = answer(minerId, task)
    const sent = await rig.must(poraMine, 'submit', [found])
    const events = [...eventsOf(poraMine, sent.logs), ...eventsOf(rewardPool, sent.logs)]
    assert.deepEqual(
      events.map(({ eventName }) => eventName),
      ['NewSubmission', 'DistributeReward'],
    )
    assert.deepEqual(events[0]!.args, {
      epoch: task.context.epoch,
      minerId,
      epochIndex: 0n,
      recallPosition: found.recallPosition,
    })
    const beneficiary = rig.accounts[2]!.address
    const owed = (await rig.must(rewardPool, 'payments', [beneficiary])).value
    assert.ok(owed > 0n)
    const before = await rig.evm.balance(beneficiary)
    await rig.must(rewardPool, 'withdrawPayments', [beneficiary])
    assert.equal((await rig.evm.balance(beneficiary)) - before, owed)
  })

  it('refuses everything else', async () => {
    const { rig, register, work, answer, sealDigest } = await createPoraRig()
    const { poraMine } = rig.contracts
    const [minerId, other] = [await register(), await register(2n)]
    const task = await work(minerId)
    const found = answer(minerId, task)
    const flip = (word: Hex): Hex => numberToHex(BigInt(word) ^ 1n, { size: 32 })
    const words = found.sealedData.map((word, i) => (i === 77 ? flip(word) : word))
    const siblings = found.merkleProof.map((node, i) => (i === 2 ? flip(node) : node))
    const cases: [string, PoraAnswer, string][] = [
      ['a miner that is not registered', { ...found, minerId: flip(minerId) }, 'MinerId does not registered'],
      ["another's id", { ...found, minerId: other }, 'Inconsistent merkle root'],
      [
        'a stale context',
        { ...found, contextDigest: sealDigest === found.contextDigest ? zero : sealDigest },
        'Inconsistent mining digest',
      ],
      ['an unknown seal context', { ...found, sealedContextDigest: flip(sealDigest) }, 'Invalid sealed context digest'],
      ['a changed word', { ...found, sealedData: words }, 'Inconsistent merkle root'],
      ['a wrong path', { ...found, merkleProof: siblings }, 'Inconsistent merkle root'],
      ['a short path', { ...found, merkleProof: found.merkleProof.slice(1) }, 'Inconsistent merkle root'],
      ['a long path', { ...found, merkleProof: [...found.merkleProof, zero] }, 'Inconsistent merkle root'],
      ['another nonce', { ...found, nonce: flip(found.nonce) }, 'Incorrect recall position'],
      ['a seal beyond the load', { ...found, sealOffset: 64n }, 'Invalid seal offset'],
    ]
    for (const [name, wrong, error] of cases) {
      const result = await rig.send(poraMine, 'submit', [wrong])
      assert.deepEqual([name, result.ok, !result.ok && result.error], [name, false, error])
    }
    await rig.must(poraMine, 'submit', [found])
    const twice = await rig.send(poraMine, 'submit', [found])
    assert.equal(!twice.ok && twice.error, 'Answer has been submitted')
    await rig.must(poraMine, 'setMinDifficulty', [2n ** 200n])
    const weak = await rig.send(poraMine, 'submit', [answer(minerId, task, Number(found.nonce) + 1)])
    assert.equal(!weak.ok && weak.error, 'Do not reach target quality')
  })

  it('refuses a seal made under an epoch that does not cover it', async () => {
    const { rig, register, work, answer } = await createPoraRig()
    const { poraMine, flow } = rig.contracts
    const minerId = await register()
    rig.evm.advance(20, 20)
    await rig.must(flow, 'makeContext', [])
    const task = await work(minerId)
    // a later epoch without data of its own: its range is empty
    const found = answer(minerId, task)
    const result = await rig.send(poraMine, 'submit', [{ ...found, sealedContextDigest: task.context.digest }])
    assert.equal(!result.ok && result.error, 'Invalid sealed context digest')
    await rig.must(poraMine, 'submit', [found])
  })

  it('opens each miner’s window when it is due, and closes it', async () => {
    const { rig, register, work, answer } = await createPoraRig()
    const { poraMine } = rig.contracts
    const minerId = await register()
    const task = await work(minerId)
    const found = answer(minerId, task)
    rig.evm.block.number = task.context.mineStart + 16n
    assert.equal((await work(minerId)).poraTarget, 0n)
    const late = await rig.send(poraMine, 'submit', [found])
    assert.equal(!late.ok && late.error, "Not in the subtask's window")
    rig.evm.block.number = task.context.mineStart + 15n
    await rig.must(poraMine, 'submit', [found])
    const stranger = await rig.send(poraMine, 'computeWorkerContext', [minerId])
    assert.equal(stranger.ok, false)
  })

  it('takes answers of a shard against half the target, and of no other shard', async () => {
    const { rig, register, work, answer } = await createPoraRig(8)
    const { poraMine } = rig.contracts
    const minerId = await register()
    const task = await work(minerId)
    const found = answer(minerId, task, 0, { numShards: 2, shardId: 1 })
    assert.equal((found.recallPosition / 1024n) % 2n, 1n)
    const full = (await rig.must(poraMine, 'scaledTarget', [task.context.flowLength, fullMask])).value
    const half = (await rig.must(poraMine, 'scaledTarget', [task.context.flowLength, fullMask - 1n])).value
    assert.equal(half >> 64n, full >> 65n)
    const other = { ...found, range: { ...found.range, shardId: 0n } }
    assert.equal((await rig.send(poraMine, 'submit', [other])).ok, false)
    await rig.must(poraMine, 'submit', [found])
  })

  it('takes twice the wanted answers, then moves the difficulty', async () => {
    const { rig, register, work, answer } = await createPoraRig()
    const { poraMine, flow } = rig.contracts
    const minerId = await register()
    const task = await work(minerId)
    let nonce = 0
    for (let i = 0; i < 6; i++) {
      const found = answer(minerId, task, nonce)
      nonce = Number(found.nonce) + 1
      await rig.must(poraMine, 'submit', [found])
    }
    const seventh = await rig.send(poraMine, 'submit', [answer(minerId, task, nonce)])
    assert.equal(!seventh.ok && seventh.error, 'Epoch has enough submissions')
    assert.equal((await work(minerId)).poraTarget, 0n)
    rig.evm.advance(20, 20)
    await rig.must(flow, 'makeContext', [])
    const old = task.poraTarget >> 16n
    const expected = (old * 19n + (old * 3n) / 6n) / 20n
    assert.equal((await work(minerId)).poraTarget, expected << 16n)
  })

  it('lets the beneficiary hand on an id, and nobody else', async () => {
    const { rig, register } = await createPoraRig(1)
    const { poraMine } = rig.contracts
    const minerId = await register()
    const [, , beneficiary, heir] = rig.accounts.map(({ address }) => address)
    const refused = await rig.send(poraMine, 'transferBeneficial', [heir!, minerId], { from: heir! })
    assert.equal(!refused.ok && refused.error, 'Sender does not own minerId')
    await rig.must(poraMine, 'transferBeneficial', [heir!, minerId], { from: beneficiary! })
    assert.equal((await rig.must(poraMine, 'beneficiaries', [minerId])).value, heir)
    assert.equal(hexToBytes(minerId).length, 32)
    const noRole = await rig.send(poraMine, 'setNumSubtasks', [2n], { from: heir! })
    assert.equal(!noRole.ok && noRole.error, 'AccessControlUnauthorizedAccount')
  })
})
