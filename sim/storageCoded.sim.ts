/**
 * Coded storage in a bad world: holders that lose power at any write, whose disks rot, fill up or are lost, that cannot
 * reach each other, are slow or lie; a writer that codes wrongly; a chain that takes blocks back and says things twice. Files
 * are put and read by the clients' own code. The chain is a stand-in that gives Submit events; who pays is looked at in
 * `storage/payment`.
 */
import { openPlaced, spreadFile, toBlobSource } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { createSim, type Sim } from '@weightless/env/sim'
import { fragmentFrameBytesMax, placementStage, type Redundancy, type SignedPlacement } from '@weightless/storage/wire'
import { type CodedFile, codeFile, toBody } from '../packages/storage/src/testing/codedFile.ts'
import { openFile, type TestFile } from '../packages/storage/src/testing/storageClient.ts'
import { claim, type Scenario } from './scenario.ts'
import {
  befall,
  boot,
  type CodedWorld,
  createCodedWorld,
  evils,
  hosts,
  recordsOf,
  recover,
  urlOf,
} from './storage/codedWorld.ts'

export const storageCoded: Scenario = {
  name: 'storage/coded',
  claim:
    'What is final is readable byte for byte without any third of its nodes; wrong fragments and placements are refused; what rots is rebuilt.',
  plants: ['skip-fsync', 'skip-fragment-check', 'ignore-rot'],
  fires: [
    ...(['crash', 'kill', 'write torn', 'write forgotten', 'disk full', 'bit rotten', 'disk lost'] as const),
    ...(['message slow', 'answer changed', 'message lost', 'message held by partition', 'connection refused'] as const),
    ...(['block taken back', 'event repeated', 'event out of order'] as const),
  ],
  isLong: true,
  run: runCoded,
}

type Upload = { file: TestFile; coded: CodedFile; placement: SignedPlacement }

const redundancy: Redundancy = { dataRows: 2, parityRows: 1 }
const roundsMax = 5

async function runCoded(seed: number, onSim: (sim: Sim) => void): Promise<void> {
  const sim = createSim({ seed, faults: { sectorLossChance: 0.3, lossChance: 0.01 } })
  onSim(sim)
  const world = createCodedWorld(sim)
  const uploads: Upload[] = []
  await sim.run(
    (async () => {
      await Promise.all(hosts.map((host) => boot(world, host)))
      for (let round = 0; round < roundsMax; round++)
        await playRound(world, uploads, evils[(seed + round) % evils.length]!)
      sim.faults.lossChance = 0
      await settle(world)
      const last = await upload(world)
      claim(last !== undefined, 'a world that is well again does not take a file')
      uploads.push(last)
      for (const upload of uploads) {
        await askForSignatures(world, upload, 'all well')
        await checkRows(world, upload)
      }
    })(),
    3_000_000,
  )
}

/** One bad thing at a time happens to what is stored, since no more than one of three nodes may be lost; the rest as it likes. */
async function playRound(world: CodedWorld, uploads: Upload[], evil: (typeof evils)[number]): Promise<void> {
  const { sim } = world
  const lost = await befall(world, evil)
  sim.faults.diskFullChance = sim.random.chance(0.2) ? 0.02 : 0
  const put = await upload(world)
  if (put) uploads.push(put)
  await sendLies(world)
  if (uploads.length > 0) await askForSignatures(world, sim.random.pick(uploads))
  // A third may be lost, and no more: where nobody is, any one host is left out; where two are, nothing was promised.
  const without = lost === 0 ? sim.random.pick(hosts) : undefined
  for (const each of lost < 2 ? uploads : []) await checkReadable(world, each, without)
  sim.faults.diskFullChance = 0
  await recover(world, evil)
  await settle(world)
}

/** Puts a file as clients do. What is not final in the end was not promised. */
async function upload(world: CodedWorld): Promise<Upload | undefined> {
  const { sim, flow, parts } = world
  const sizes = [300, 5_000, 262_144 + 900, 3 * 262_144]
  const file = openFile(sim.random.bytes(1 + sim.random.integer(sim.random.pick(sizes))))
  flow.submit(file.tree)
  const nodes = await recordsOf(world)
  if (nodes.length < 3) return undefined
  const submission = { startSegment: flow.startSegmentOf(file.tree) }
  const job = { source: toBlobSource(file.bytes), file: file.tree, submission, redundancy, nodes }
  const publish = async (placement: SignedPlacement): Promise<void> => {
    const body = JSON.stringify(placement)
    for (const host of hosts) await send(world.client, `${urlOf(host)}/placement/${file.root}`, 'PUT', body)
  }
  const placement = await spreadFile(parts, job, { publish }).catch(() => undefined)
  if (!placement || placementStage(placement) !== 'final') return undefined
  return { file, coded: codeFile(file.bytes, file.tree, redundancy), placement }
}

/** A parity row with one bit changed, under a tree and combinations that fit it: only the code itself tells. */
async function sendLies({ sim, flow, client }: CodedWorld): Promise<void> {
  const file = openFile(sim.random.bytes(700))
  flow.submit(file.tree)
  const coded = codeFile(file.bytes, file.tree, redundancy)
  const truth = coded.fragment(0, 2)!
  const otherBytes = file.bytes.map((byte, at) => (at === 5 ? byte ^ 1 : byte))
  const other = openFile(otherBytes)
  const lie = { ...codeFile(otherBytes, other.tree, redundancy).fragment(0, 2)!, segmentProof: truth.segmentProof }
  const url = `${urlOf(sim.random.pick(hosts))}/fragments/${file.root}`
  const mixed = await send(client, url, 'POST', toBody([{ ...lie, combinations: truth.combinations }]))
  claim(mixed === undefined || mixed.status !== 200, 'a parity row that the code does not give was acknowledged')
  const changed = await send(client, url, 'POST', toBody([{ ...truth, data: lie.data }]))
  claim(changed === undefined || changed.status !== 200, 'changed bytes were acknowledged')
}

/**
 * A stranger who has the file proposes true content: nobody signs a version far ahead, whatever has befallen; and where
 * all are well nobody signs a row away from the node that has it.
 */
async function askForSignatures(
  { sim, client, holders }: CodedWorld,
  { coded, placement }: Upload,
  state?: 'all well',
): Promise<void> {
  const { chainId, holders: own } = placement
  for (const [host, { holder, nodeId }] of holders) {
    const row = own.indexOf(nodeId)
    if (row < 0 || !sim.isAlive(host)) continue
    const newest = holder.placements.get(placement.root, placement.sizeBytes) ?? placement
    const ask = (version: number, nodes: readonly Hex[]) => {
      const proposal = { ...coded.placement(nodes, chainId, version), lastCommitment: coded.lastCommitment }
      return send(client, `${urlOf(host)}/placement`, 'POST', JSON.stringify(proposal))
    }
    const high = await ask(2 ** 32 - 1, newest.holders)
    claim(high?.status !== 200, `${host} signed a version that blocks all later ones`)
    if (state !== 'all well') continue
    const victim = (newest.holders.indexOf(nodeId) + 1) % own.length
    const displaced = newest.holders.map((id, at): Hex => (at === victim ? `0x${'9'.repeat(64)}` : id))
    const away = await ask(newest.version + 1, displaced)
    claim(away?.status !== 200, `${host} signed the row of another away`)
  }
}

/** Reads a file as clients do, also without one of its holders: what is read is the file, and it is read. */
async function checkReadable(
  world: CodedWorld,
  { file, placement }: Upload,
  without: string | undefined,
): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const records = (await recordsOf(world)).filter(
      ({ url }) => attempt >= 10 || without === undefined || url !== urlOf(without),
    )
    const bytes = await readAll(openPlaced(world.parts, placement, records).stream(0, file.bytes.length))
    if (bytes) return claim(Buffer.compare(bytes, file.bytes) === 0, `file ${file.root} is read changed`)
    // A node that lost power comes back; it is not one that is lost. On a full disk it would say so, and not start.
    world.sim.faults.diskFullChance = 0
    for (const host of hosts) if (!world.sim.isAlive(host)) await boot(world, host)
    await world.client.clock.sleep(500)
  }
  claim(false, `file ${file.root} is final and cannot be read`)
}

async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
  const read: Uint8Array[] = []
  try {
    for await (const piece of pieces) read.push(piece)
  } catch {
    return undefined
  }
  return Buffer.concat(read)
}

/** Every holder has its row as it was coded: what was lost has been rebuilt, and nobody's lies are in it. */
async function checkRows({ client, holders }: CodedWorld, { file, coded, placement }: Upload): Promise<void> {
  for (const [row, nodeId] of placement.holders.entries()) {
    const [host] = [...holders].find(([, service]) => service.nodeId === nodeId)!
    for (let stripe = 0; stripe < coded.stripes; stripe++) {
      const truth = coded.fragment(stripe, row)
      if (!truth) continue
      const query = `sizeBytes=${file.bytes.length}&row=${row}&from=${stripe}&to=${stripe + 1}`
      const answer = await send(client, `${urlOf(host)}/fragments/${file.root as Hex}?${query}`, 'GET')
      claim(answer?.status === 200 && answer.bytes.length > 4, `row ${row} of ${file.root} was lost and is not rebuilt`)
      claim(Buffer.compare(answer.bytes, toBody([truth])) === 0, `row ${row} of ${file.root} is another one`)
    }
  }
}

/** Until scrubbing and repair have had time for everything. */
async function settle({ client, holders }: CodedWorld): Promise<void> {
  for (let turn = 0; turn < 40; turn++) {
    await client.clock.sleep(400)
    const waiting = [...holders.values()].some(({ holder }) => holder.repair.stats().waiting > 0)
    if (turn > 8 && !waiting) return
  }
}

type Answer = { status: number; bytes: Uint8Array }

async function send(client: Env, url: string, method: string, body?: Uint8Array | string): Promise<Answer | undefined> {
  try {
    const options = { method, timeoutMs: 3_000, ...(body === undefined ? {} : { body }) }
    const response = await client.network.fetch(url, options)
    return { status: response.status, bytes: await response.bytes(4 * fragmentFrameBytesMax) }
  } catch {
    return undefined
  }
}
