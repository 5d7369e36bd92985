import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { createFlowTree, fileTree } from '@weightless/crypto'
import { bytesToHex, type Hex, hexToBytes, keccak256, toFunctionSelector, toHex, zeroAddress } from 'viem'
import { createRig, eventsOf, type Rig } from '../scripts/contractRig.ts'
import { presets } from '../scripts/presets.ts'
import { abis } from './abis.ts'

type FlowVectors = {
  submissions: {
    txSeq: number
    sizeBytes: number
    startSector: number
    lengthSectors: number
    flowLengthAfter: number
    feeWei: string
    rootAfter: Hex
  }[]
}
const vectors: FlowVectors = JSON.parse(
  readFileSync(new URL('../../../vectors/storage/flow.json', import.meta.url), 'utf8'),
)
const price = presets.upstream.pricePerSectorWei

/** Content rule LIN of the vectors. */
function lin(sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, i) => (i * 7 + (i >> 8) * 13 + (i >> 16) * 31) & 0xff)
}

function dataOf(bytes: Uint8Array, tags: Hex = '0x') {
  const nodes = fileTree(bytes).nodes.map(({ root, height }) => ({ root: bytesToHex(root), height: BigInt(height) }))
  return { length: BigInt(bytes.length), tags, nodes }
}

const word = (byte: string): Hex => `0x${byte.repeat(32)}`
const oneSector = (root: Hex, length = 256n) => ({ length, tags: '0x' as Hex, nodes: [{ root, height: 0n }] })
const legacy = (rig: Rig) => ({ abi: abis.flowLegacySubmit, address: rig.contracts.flow.address })

describe('Flow against the published contract', () => {
  it('gives the published positions, fees and roots, in either generation alike', async () => {
    const rigs = [await createRig(presets.upstream), await createRig(presets.upstream)] as const
    for (const expected of vectors.submissions) {
      const data = dataOf(lin(expected.sizeBytes))
      const submitter = rigs[0].accounts[0]!.address
      const value = BigInt(expected.feeWei)
      const current = await rigs[0].must(rigs[0].contracts.flow, 'submit', [{ data, submitter }], { value })
      const older = await rigs[1].must(legacy(rigs[1]), 'submit', [data], { value })
      assert.deepEqual(older.value, current.value)
      assert.equal(current.value[0], BigInt(expected.txSeq))
      assert.equal(current.value[2], BigInt(expected.startSector))
      assert.equal(current.value[3], BigInt(expected.lengthSectors))
      const [events, olderEvents] = [current, older].map(({ logs }, i) => eventsOf(rigs[i]!.contracts.flow, logs))
      assert.equal(events!.length, 1)
      assert.equal(events![0]!.topics[0], '0x167ce04d2aa1981994d3a31695da0d785373335b1078cec239a1a3a2c7675555')
      assert.deepEqual([olderEvents![0]!.topics, olderEvents![0]!.data], [events![0]!.topics, events![0]!.data])
      for (const rig of rigs) {
        const root = await rig.must(rig.contracts.flow, 'getFlowRootByTxSeq', [BigInt(expected.txSeq)])
        assert.equal(root.value, expected.rootAfter)
        assert.equal((await rig.must(rig.contracts.flow, 'computeFlowRoot', [])).value, expected.rootAfter)
        assert.equal((await rig.must(rig.contracts.flow, 'tree', [])).value[0], BigInt(expected.flowLengthAfter))
      }
    }
  })

  it('gives the same events for a batch of either generation', async () => {
    const rigs = [await createRig(presets.upstream), await createRig(presets.upstream)] as const
    const datas = [1, 257, 20182].map((size) => dataOf(lin(size)))
    const submitter = rigs[0].accounts[0]!.address
    const value = 83n * price
    const batch = datas.map((data) => ({ data, submitter }))
    const current = await rigs[0].must(rigs[0].contracts.flow, 'batchSubmit', [batch], { value })
    const older = await rigs[1].must(legacy(rigs[1]), 'batchSubmit', [datas], { value })
    const plain = (rig: Rig, logs: typeof current.logs) =>
      eventsOf(rig.contracts.flow, logs).map(({ topics, data }) => [topics, data])
    assert.deepEqual(plain(rigs[1], older.logs), plain(rigs[0], current.logs))
    assert.equal(plain(rigs[0], current.logs).length, 3)
    assert.deepEqual(current.value[2], [1n, 2n, 64n])
  })

  it('takes the worked example of the reference as raw calldata', async () => {
    const rig = await createRig(presets.upstream)
    const pad = (value: string) => value.padStart(64, '0')
    const root = '2fc9996ec6a3e6c722c0df79aadcad32da963f1f2b38a151d7825363b2ff4ae7'
    const submitter = 'f39fd6e51aad88f6f4ce6ab8827279cfffb92266'
    const words = ['20', '40', submitter, '100', '60', '80', '0', '1', root, '0'].map(pad)
    const data: Hex = `0xbc8c11f8${words.join('')}`
    const sent = await rig.evm.send({ from: `0x${submitter}`, to: rig.contracts.flow.address, data, value: price })
    assert.ok(sent.ok)
    const [log] = sent.logs.filter(({ address }) => address === rig.contracts.flow.address.toLowerCase())
    const expected = ['0', '1', '1', '80', '100', '60', '80', '0', '1', root, '0'].map(pad)
    assert.equal(log!.data, `0x${expected.join('')}`)
    assert.equal(log!.topics[1], `0x${pad(submitter)}`)
    assert.equal(log!.topics[2], '0xe7ed4f11ff04f35b1bbc03cb651af31c6ef1d783c0853b571e0caf9ac30edf68')
  })

  it('has the published selectors', () => {
    const selectors = (abi: readonly { type: string }[]): string[] =>
      abi.filter(({ type }) => type === 'function').map((item) => toFunctionSelector(item as never))
    for (const selector of ['0xbc8c11f8', '0x49aa3395', '0x80f55605', '0x77e19824', '0xb8a409ac', '0xfd54b228']) {
      assert.ok(selectors(abis.flow).includes(selector), selector)
    }
    for (const selector of ['0x900cf0cf', '0x127f0f07', '0x38d45e10', '0x18a641ef', '0xb464b53e', '0x7d590708']) {
      assert.ok(selectors(abis.flow).includes(selector), selector)
    }
    for (const selector of ['0x31bae174', '0x6d7ad0fc', '0x1deb0fca', '0x231b0268', '0xf0682054', '0xc7dd5221']) {
      assert.ok(selectors(abis.flow).includes(selector), selector)
    }
    assert.ok(selectors(abis.flow).includes('0x5c975abb'))
    assert.deepEqual(selectors(abis.flowLegacySubmit).sort(), ['0x9e62a38e', '0xef3e12dc'])
    for (const selector of ['0x61ec5082', '0x14aa90a1', '0xda6eb36a']) {
      assert.ok(selectors(abis.market).includes(selector), selector)
    }
  })
})

describe('Flow refuses', () => {
  const root = word('11')
  const nodesOf = (...heights: bigint[]) => heights.map((height) => ({ root, height }))
  const refused: [string, { length: bigint; tags: Hex; nodes: { root: Hex; height: bigint }[] }][] = [
    ['no nodes', { length: 1n, tags: '0x', nodes: [] }],
    ['length 0', oneSector(root, 0n)],
    ['length beyond the sectors', oneSector(root, 257n)],
    ['five nodes', { length: 31n * 256n, tags: '0x', nodes: nodesOf(4n, 3n, 2n, 1n, 0n) }],
    ['rising heights', { length: 3n * 256n, tags: '0x', nodes: nodesOf(0n, 1n) }],
    ['equal heights', { length: 2n * 256n, tags: '0x', nodes: nodesOf(0n, 0n) }],
    ['a spread of four', { length: 17n * 256n, tags: '0x', nodes: nodesOf(4n, 0n) }],
    ['height 64', { length: 1n, tags: '0x', nodes: nodesOf(64n) }],
    ['height 2^255', { length: 1n, tags: '0x', nodes: nodesOf(1n << 255n) }],
    ['15 of 16 sectors', { length: 15n * 256n, tags: '0x', nodes: nodesOf(4n) }],
    ['960 of 1024 sectors', { length: 960n * 256n, tags: '0x', nodes: nodesOf(10n) }],
    ['too little for two nodes', { length: 1024n * 256n, tags: '0x', nodes: nodesOf(10n, 7n) }],
  ]
  const accepted: typeof refused = [
    ['15 sectors and a byte', { length: 15n * 256n + 1n, tags: '0x', nodes: nodesOf(4n) }],
    ['961 sectors', { length: 961n * 256n, tags: '0x', nodes: nodesOf(10n) }],
    ['1025 sectors', { length: 1024n * 256n + 1n, tags: '0x', nodes: nodesOf(10n, 7n) }],
    ['four nodes', { length: 960n * 256n, tags: '0x', nodes: nodesOf(9n, 8n, 7n, 6n) }],
  ]

  it('shapes that are none, and takes their neighbours', async () => {
    const rig = await createRig(presets.upstream)
    const { flow } = rig.contracts
    const submitter = rig.accounts[1]!.address
    const value = 10_000n * price
    for (const [name, data] of refused) {
      const result = await rig.send(flow, 'submit', [{ data, submitter }], { value })
      assert.deepEqual([name, result.ok, !result.ok && result.error], [name, false, 'Invalid submission'])
    }
    const nobody = await rig.send(flow, 'submit', [{ data: oneSector(root), submitter: zeroAddress }], { value })
    assert.equal(!nobody.ok && nobody.error, 'Invalid submission')
    for (const [name, data] of accepted) {
      assert.equal((await rig.send(flow, 'submit', [{ data, submitter }], { value })).ok, true, name)
    }
  })

  it('a wei too little, and leaves nothing of the attempt', async () => {
    const rig = await createRig(presets.upstream)
    const { flow } = rig.contracts
    const [, payer] = rig.accounts
    const submission = { data: dataOf(lin(257)), submitter: payer!.address }
    const result = await rig.send(flow, 'submit', [submission], { value: 2n * price - 1n, from: payer!.address })
    assert.deepEqual(
      [result.ok, !result.ok && result.error, !result.ok && result.args],
      [false, 'NotEnoughFee', [price, 2n, 2n * price - 1n]],
    )
    assert.equal((await rig.must(flow, 'numSubmissions', [])).value, 0n)
    const batch = [submission, { data: oneSector(root), submitter: payer!.address }]
    const short = await rig.send(flow, 'batchSubmit', [batch], { value: 3n * price - 1n, from: payer!.address })
    assert.equal(!short.ok && short.error, 'NotEnoughFee')
  })

  it('everything while paused, and a pause by anybody else', async () => {
    const rig = await createRig(presets.upstream)
    const { flow } = rig.contracts
    const [, stranger] = rig.accounts
    const refusedPause = await rig.send(flow, 'pause', [], { from: stranger!.address })
    assert.equal(!refusedPause.ok && refusedPause.error, 'AccessControlUnauthorizedAccount')
    await rig.must(flow, 'pause', [])
    const submission = { data: oneSector(root), submitter: stranger!.address }
    const paused = await rig.send(flow, 'submit', [submission], { value: price })
    assert.equal(!paused.ok && paused.error, 'EnforcedPause')
    await rig.must(flow, 'unpause', [])
    await rig.must(flow, 'submit', [submission], { value: price })
  })
})

describe('Flow and money', () => {
  it('gives an overpayment back to the payer and nobody else can spend it', async () => {
    const rig = await createRig()
    const { flow, rewardPool } = rig.contracts
    const [, payer, other] = rig.accounts
    const before = await rig.evm.balance(payer!.address)
    const submission = { data: oneSector(word('11')), submitter: other!.address }
    await rig.must(flow, 'submit', [submission], { value: 10n * price, from: payer!.address })
    assert.equal(before - (await rig.evm.balance(payer!.address)), price)
    assert.equal(await rig.evm.balance(flow.address), 0n)
    assert.equal(await rig.evm.balance(rewardPool.address), price)
    const freeloader = { data: oneSector(word('22')), submitter: other!.address }
    const result = await rig.send(flow, 'submit', [freeloader], { from: other!.address })
    assert.equal(!result.ok && result.error, 'NotEnoughFee')
  })

  it('charges a root once per submitter and lifetime, and enters a repeat at its old place', async () => {
    const rig = await createRig()
    const { flow } = rig.contracts
    const [, alice, bob] = rig.accounts
    const data = dataOf(lin(257))
    const first = await rig.must(flow, 'submit', [{ data, submitter: alice!.address }], { value: 2n * price })
    const rootAfter = (await rig.must(flow, 'computeFlowRoot', [])).value
    assert.equal((await rig.must(flow, 'quote', [alice!.address, data])).value, 0n)
    assert.equal((await rig.must(flow, 'quote', [bob!.address, data])).value, 2n * price)
    const before = await rig.evm.balance(alice!.address)
    const repeat = await rig.must(legacy(rig), 'submit', [{ ...data, tags: '0x01' }], {
      from: alice!.address,
      value: 2n * price,
    })
    assert.equal(await rig.evm.balance(alice!.address), before)
    assert.deepEqual(repeat.value, [1n, first.value[1], first.value[2], 2n])
    assert.equal((await rig.must(flow, 'tree', [])).value[0], 4n)
    assert.equal((await rig.must(flow, 'getFlowRootByTxSeq', [1n])).value, rootAfter)
    const others = await rig.send(flow, 'submit', [{ data, submitter: bob!.address }])
    assert.equal(!others.ok && others.error, 'NotEnoughFee')
    rig.evm.advance(1, Number(presets.weightless.storageLifetimeSeconds))
    const expired = await rig.send(flow, 'submit', [{ data, submitter: alice!.address }])
    assert.equal(!expired.ok && expired.error, 'NotEnoughFee')
    const again = await rig.must(flow, 'submit', [{ data, submitter: alice!.address }], { value: 2n * price })
    assert.equal(again.value[2], 4n)
  })

  it('charges a repeat again under the upstream preset', async () => {
    const rig = await createRig(presets.upstream)
    const submission = { data: oneSector(word('11')), submitter: rig.accounts[0]!.address }
    await rig.must(rig.contracts.flow, 'submit', [submission], { value: price })
    const result = await rig.send(rig.contracts.flow, 'submit', [submission])
    assert.equal(!result.ok && result.error, 'NotEnoughFee')
  })
})

describe('Flow fees', () => {
  it('renews what was paid, and refuses to renew what was not', async () => {
    const rig = await createRig()
    const { flow } = rig.contracts
    const [, alice] = rig.accounts
    const submission = { data: dataOf(lin(256)), submitter: alice!.address }
    const never = await rig.send(flow, 'renew', [submission], { value: price })
    assert.equal(!never.ok && never.error, 'NeverPaid')
    await rig.must(flow, 'submit', [submission], { value: price })
    const until = (await rig.must(flow, 'paidUntil', [alice!.address, submission.data])).value
    await rig.must(flow, 'renew', [submission], { value: 5n * price })
    const renewed = (await rig.must(flow, 'paidUntil', [alice!.address, submission.data])).value
    assert.equal(renewed - until, presets.weightless.storageLifetimeSeconds)
    assert.equal(await rig.evm.balance(rig.contracts.rewardPool.address), 2n * price)
    const lifetime = presets.weightless.storageLifetimeSeconds
    const thrice = await rig.send(flow, 'renewFor', [submission, 3n], { value: 3n * price - 1n })
    assert.equal(!thrice.ok && thrice.error, 'NotEnoughFee')
    const none = await rig.send(flow, 'renewFor', [submission, 0n])
    assert.equal(!none.ok && none.error, 'LifetimesOutOfRange')
    await rig.must(flow, 'renewFor', [submission, 3n], { value: 3n * price })
    assert.equal((await rig.must(flow, 'paidUntilByTxSeq', [0n])).value, renewed + 3n * lifetime)
    assert.equal((await rig.must(flow, 'paidUntilByTxSeq', [1n])).value, 0n)
  })

  it('splits a fee over pricing chunks in proportion and loses no wei', async () => {
    const rig = await createRig({ ...presets.upstream, chunkSectors: 4n, pricePerSectorWei: 1001n })
    const { flow, rewardPool } = rig.contracts
    const submitter = rig.accounts[0]!.address
    const height3 = { length: 8n * 256n, tags: '0x' as Hex, nodes: [{ root: word('33'), height: 3n }] }
    await rig.must(flow, 'submit', [{ data: height3, submitter }], { value: 8n * 1001n })
    const chunks = [0n, 1n, 2n, 3n].map(async (chunk) => (await rig.must(rewardPool, 'rewards', [chunk])).value[0])
    const locked = await Promise.all(chunks)
    // 8 sectors at 8..15 behind a gap of 7: the gap takes 7/15 of the fee, chunks 0 and 1; the file lies in 2 and 3
    const gap = (8n * 1001n * 7n) / 15n
    const filed = 8n * 1001n - gap
    assert.deepEqual(locked, [(gap * 3n) / 7n, (gap * 4n) / 7n, filed / 2n, filed / 2n])
    const rounding = (await rig.must(rewardPool, 'totalBaseReward', [])).value
    assert.equal(locked.reduce((sum, amount) => sum + amount) + rounding, await rig.evm.balance(rewardPool.address))
  })
})

describe('Flow tree', () => {
  it('equals the tree that storage nodes keep, over random shapes', async () => {
    const rig = await createRig({ ...presets.upstream, pricePerSectorWei: 0n })
    const tree = createFlowTree()
    let seed = 7
    const random = (limit: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
      return seed % limit
    }
    for (let i = 0; i < 40; i++) {
      const top = random(12)
      const heights = [top, top - 1, top - 2, top - 3].filter(
        (height, at) => height >= 0 && (at === 0 || random(2) === 1),
      )
      const nodes = heights.map((height) => ({ root: keccak256(toHex(random(1 << 30))), height: BigInt(height) }))
      const sectors = heights.reduce((sum, height) => sum + 2 ** height, 0)
      const data = { length: BigInt(sectors) * 256n, tags: '0x' as Hex, nodes }
      const sent = await rig.must(rig.contracts.flow, 'submit', [{ data, submitter: rig.accounts[i % 10]!.address }])
      tree.append(
        Number(sent.value[2]),
        nodes.map(({ root, height }) => ({ root: hexToBytes(root), height: Number(height) })),
      )
      const root = await rig.must(rig.contracts.flow, 'computeFlowRoot', [])
      assert.equal(root.value, bytesToHex(tree.root()), `after submission ${i}`)
      assert.equal((await rig.must(rig.contracts.flow, 'tree', [])).value[0], BigInt(tree.length()))
    }
  })
})
