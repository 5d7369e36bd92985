import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeAbiParameters, type Hex, keccak256 } from 'viem'
import { createRig, eventsOf } from '../scripts/contractRig.ts'
import { blockHash } from '../scripts/localEvm.ts'
import { presets } from '../scripts/presets.ts'

const empty = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'
const preset = { ...presets.upstream, pricePerSectorWei: 0n, blocksPerEpoch: 5n }
const eleven: Hex = `0x${'11'.repeat(32)}`
const oneSector = { length: 256n, tags: '0x' as Hex, nodes: [{ root: eleven, height: 0n }] }

function digestOf(block: bigint, root: Hex, length: bigint): Hex {
  const types = [{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'uint256' }] as const
  return keccak256(encodeAbiParameters(types, [blockHash(Number(block)), root, length]))
}

describe('Flow epochs', () => {
  it('closes past epochs as the reference measured it', async () => {
    const rig = await createRig(preset)
    const { flow } = rig.contracts
    const first = (await rig.must(flow, 'firstBlock', [])).value
    const initial = (await rig.must(flow, 'getContext', [])).value
    assert.deepEqual([initial.epoch, initial.flowLength, initial.blockDigest, initial.digest], [0n, 1n, empty, empty])
    for (let i = 0; i < 2; i++) {
      rig.evm.advance(1, 1)
      await rig.must(flow, 'submit', [{ data: oneSector, submitter: rig.accounts[0]!.address }])
    }
    rig.evm.advance(9, 9)
    const { logs } = await rig.must(flow, 'makeContext', [])
    const events = eventsOf(flow, logs).filter((event) => event.eventName === 'NewEpoch')
    const root: Hex = '0xce14ba894e0cbfaf6bcd60c88e3b4863098855205bd821184c7ea0987ad150f5'
    const seen = events.map(({ args }) => [args.index, args.startMerkleRoot, args.submissionIndex, args.flowLength])
    assert.deepEqual(seen, [
      [1n, root, 2n, 3n],
      [2n, root, 2n, 3n],
    ])
    const digests = [first + 5n, first + 10n].map((block) => digestOf(block, root, 3n))
    assert.deepEqual(
      events.map(({ args }) => args.context),
      digests,
    )
    const context = (await rig.must(flow, 'getContext', [])).value
    assert.deepEqual(
      [context.epoch, context.mineStart, context.flowRoot, context.digest],
      [2n, first + 10n, root, digests[1]],
    )
    const ranges = digests.map(async (digest) => (await rig.must(flow, 'getEpochRange', [digest])).value)
    assert.deepEqual(await Promise.all(ranges), [
      { start: 0n, end: 3n },
      { start: 3n, end: 3n },
    ])
    const found = (await rig.must(flow, 'queryContextAtPosition', [2n])).value
    assert.deepEqual(found, { start: 0n, end: 3n, digest: digests[0] })
    const beyond = await rig.send(flow, 'queryContextAtPosition', [3n])
    assert.equal(beyond.ok, false)
  })

  it('closes an epoch before a submission of the next one enters it', async () => {
    const rig = await createRig(preset)
    const { flow } = rig.contracts
    const submitter = rig.accounts[0]!.address
    await rig.must(flow, 'submit', [{ data: oneSector, submitter }])
    rig.evm.advance(6, 6)
    const { logs } = await rig.must(flow, 'submit', [{ data: oneSector, submitter }])
    assert.deepEqual(
      eventsOf(flow, logs).map((event) => event.eventName),
      ['NewEpoch', 'Submit'],
    )
    assert.equal((await rig.must(flow, 'getContext', [])).value.flowLength, 2n)
  })

  it('skips idle epochs beyond a bound, so that no call grows with the idle time', async () => {
    const rig = await createRig(preset)
    const { flow } = rig.contracts
    rig.evm.advance(5 * 1000 + 1, 5000)
    const { gasUsed, logs } = await rig.must(flow, 'makeContext', [])
    assert.ok(gasUsed < 10_000_000n, `used ${gasUsed}`)
    const events = eventsOf(flow, logs).filter((event) => event.eventName === 'NewEpoch')
    assert.equal(events.length, 33)
    assert.equal((await rig.must(flow, 'epoch', [])).value, 1000n)
    assert.equal(events[0]!.args.index, 968n)
    assert.equal(events[0]!.args.context, empty)
  })

  it('closes no more epochs than asked', async () => {
    const rig = await createRig(preset)
    const { flow } = rig.contracts
    rig.evm.advance(26, 26)
    await rig.must(flow, 'makeContextFixedTimes', [3n])
    assert.equal((await rig.must(flow, 'epoch', [])).value, 3n)
  })
})
