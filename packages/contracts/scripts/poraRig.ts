/** A flow with sealed data and a miner over it, in a local EVM: what the mine contract's tests and gas figures stand on. */

import {
  buildTree,
  fileTree,
  growPads,
  hitsOf,
  keccak256,
  padSeedOf,
  pathOf,
  qualitiesOf,
  type RecallRange,
  recallLoad,
  recallRange,
  recallRangeDigest,
  scaledTarget,
  sealInPlace,
} from '@weightless/crypto'
import { bytesToHex, type Hex, hexToBytes, numberToBytes, numberToHex } from 'viem'
import { createRig, eventsOf, type Rig } from './contractRig.ts'
import { type Preset, presets } from './presets.ts'

const sectorBytes = 256
const segmentBytes = 262_144
const everySeal = 2n ** 64n - 1n

/** Epochs of 20 blocks, one window for all, one answer in 100 qualities. */
export const minePreset: Preset = {
  ...presets.upstream,
  pricePerSectorWei: 1_000_000n,
  blocksPerEpoch: 20n,
  chunkSectors: 1024n,
  releaseSeconds: 1000n,
  mine: { ...presets.upstream.mine, difficulty: 100n, targetMineBlocks: 15n, targetSubmissions: 3n, nSubtasks: 1n },
}

export type PoraAnswer = {
  contextDigest: Hex
  nonce: Hex
  minerId: Hex
  range: RecallRange
  recallPosition: bigint
  sealOffset: bigint
  sealedContextDigest: Hex
  sealedData: readonly Hex[]
  merkleProof: readonly Hex[]
}

export type Work = Awaited<ReturnType<PoraRig['work']>>

export type PoraRig = {
  rig: Rig
  /** The flow's bytes from sector 0. */
  flowBytes: Uint8Array
  register(seed?: bigint): Promise<Hex>
  /** What the contract tells this miner to do, by a call from 0x…0A. */
  work(minerId: Hex): Promise<{
    context: { digest: Hex; flowLength: bigint; flowRoot: Hex; mineStart: bigint; epoch: bigint }
    poraTarget: bigint
    subtaskDigest: Hex
    maxShards: bigint
  }>
  /** Epoch digest that covers all data so far. */
  sealDigest: Hex
  /** The first good answer from `firstNonce` on. */
  answer(minerId: Hex, work: Work, firstNonce?: number, shard?: { numShards: number; shardId: number }): PoraAnswer
}

/** `segments` segments of noise from sector 1,024 on, one epoch later. */
export async function createPoraRig(segments = 4, preset: Preset = minePreset): Promise<PoraRig> {
  const rig = await createRig(preset)
  const { flow, poraMine } = rig.contracts
  const file = noise(segments * segmentBytes)
  const nodes = fileTree(file).nodes.map(({ root, height }) => ({ root: bytesToHex(root), height: BigInt(height) }))
  const submission = {
    data: { length: BigInt(file.length), tags: '0x' as Hex, nodes },
    submitter: rig.accounts[0]!.address,
  }
  const sectors = BigInt(file.length / sectorBytes)
  const sent = await rig.must(flow, 'submit', [submission], { value: sectors * preset.pricePerSectorWei })
  const start = Number(sent.value[2])
  const flowBytes = new Uint8Array(start * sectorBytes + file.length)
  flowBytes.set(file, start * sectorBytes)
  const blocks = Number(preset.blocksPerEpoch)
  rig.evm.advance(blocks + 2 - (Number(rig.evm.block.number) % blocks), 30)
  const { logs } = await rig.must(flow, 'makeContext', [])
  const epochs = eventsOf(flow, logs).filter((event) => event.eventName === 'NewEpoch')
  const sealDigest = epochs[0]!.args.context
  return {
    rig,
    flowBytes,
    sealDigest,
    async register(seed = 1n) {
      const beneficiary = rig.accounts[2]!.address
      const { logs } = await rig.must(poraMine, 'requestMinerId', [beneficiary, seed])
      const [event] = eventsOf(poraMine, logs)
      if (event?.eventName !== 'NewMinerId') throw new Error('no miner id')
      return event.args.minerId
    },
    async work(minerId) {
      const worker = `0x${'0a'.padStart(40, '0')}` as Hex
      return (await rig.must(poraMine, 'computeWorkerContext', [minerId], { from: worker })).value
    },
    answer: (minerId, work, firstNonce = 0, shard = { numShards: 1, shardId: 0 }) =>
      findAnswer({ minerId, work, firstNonce, shard, flowBytes, sealDigest }),
  }
}

type Search = {
  minerId: Hex
  work: Work
  firstNonce: number
  shard: { numShards: number; shardId: number }
  flowBytes: Uint8Array
  sealDigest: Hex
}

function findAnswer({ minerId, work, firstNonce, shard, flowBytes, sealDigest }: Search): PoraAnswer {
  const { context, poraTarget, subtaskDigest } = work
  const range = recallRange(context.flowLength, shard.numShards, shard.shardId)!
  const target = scaledTarget(poraTarget, context.flowLength, shard.numShards)
  const seed = {
    minerId: hexToBytes(minerId),
    subtaskDigest: hexToBytes(subtaskDigest),
    rangeDigest: recallRangeDigest(range),
  }
  for (let attempt = firstNonce; attempt < firstNonce + 10_000; attempt++) {
    const nonce = numberToBytes(attempt, { size: 32 })
    const [grown] = growPads([padSeedOf({ ...seed, nonce })])
    const load = recallLoad(grown!.recallSeed, range)
    // the first segment has the reserved sector, whose leaf is no hash of data
    if (load === undefined || load === 0) continue
    const sealed = sealSegment(flowBytes, load, minerId, sealDigest)
    const [hit] = hitsOf(qualitiesOf(grown!, sealed, everySeal), everySeal, target)
    if (hit === undefined) continue
    const position = load + 16 * hit
    const words = Array.from({ length: 128 }, (_, i) =>
      bytesToHex(sealed.slice(4096 * hit + 32 * i, 4096 * hit + 32 * i + 32)),
    )
    return {
      contextDigest: context.digest,
      nonce: numberToHex(attempt, { size: 32 }),
      minerId,
      range,
      recallPosition: BigInt(position),
      sealOffset: BigInt(hit),
      sealedContextDigest: sealDigest,
      sealedData: words,
      merkleProof: proofAt(flowBytes, position),
    }
  }
  throw new Error('no answer in 10,000 nonces')
}

function sealSegment(flowBytes: Uint8Array, load: number, minerId: Hex, digest: Hex): Uint8Array {
  const sealed = flowBytes.slice(load * sectorBytes, load * sectorBytes + segmentBytes)
  sealInPlace(sealed, { minerId: hexToBytes(minerId), contextDigest: hexToBytes(digest), startSector: load })
  return sealed
}

const trees = new WeakMap<Uint8Array, ReturnType<typeof buildTree>>()

/** Siblings above the seal at `position` in the tree over the whole flow. */
function proofAt(flowBytes: Uint8Array, position: number): Hex[] {
  let tree = trees.get(flowBytes)
  if (!tree) {
    const count = 2 ** Math.ceil(Math.log2(flowBytes.length / sectorBytes))
    const leaves = new Uint8Array(32 * count)
    const zero = keccak256(new Uint8Array(sectorBytes))
    for (let i = 1; i < count; i++) {
      const sector = flowBytes.subarray(sectorBytes * i, sectorBytes * i + sectorBytes)
      leaves.set(sector.length === sectorBytes ? keccak256(sector) : zero, 32 * i)
    }
    tree = buildTree(leaves)
    trees.set(flowBytes, tree)
  }
  return pathOf(tree, position)
    .siblings.slice(4)
    .map((sibling) => bytesToHex(sibling))
}

/** The same bytes on every machine. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0, block = keccak256(new Uint8Array(1)); at < length; at += 32, block = keccak256(block))
    bytes.set(block, at)
  return bytes
}
