/**
 * Coded storage in a bad world: holders that lose power at any write, whose disks rot, fill up or are lost, that cannot
 * reach each other or lie; a writer that codes wrongly; a chain that takes blocks back and says things twice. The chain is
 * `scriptedFlow`, a stand-in that gives Submit events; who pays is looked at elsewhere.
 */
import openStripe from '@weightless/blobs/gather/openStripeTask'
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { createSim, type Sim } from '@weightless/env/sim'
import { type HolderService, startHolder } from '@weightless/storage'
import { fragmentFrameBytesMax, hasRow, type Redundancy, type SignedPlacement } from '@weightless/storage/wire'
import { type CodedFile, codeFile, toBody } from '../packages/storage/src/testing/codedFile.ts'
import { createScriptedFlow, type ScriptedFlow } from '../packages/storage/src/testing/scriptedFlow.ts'
import { chainId, flowAddress, openFile, type TestFile } from '../packages/storage/src/testing/storageClient.ts'
import { claim, type Scenario } from './scenario.ts'

export const storageCoded: Scenario = {
  name: 'storage/coded',
  claim:
    'What is final is readable byte for byte without any third of its nodes; wrong fragments are refused; what rots is rebuilt.',
  plants: ['skip-fsync', 'skip-fragment-check', 'ignore-rot'],
  run: runCoded,
}

type Upload = { file: TestFile; coded: CodedFile; redundancy: Redundancy; placement: SignedPlacement }
type Net = { sim: Sim; flow: ScriptedFlow; client: Env; holders: Map<string, HolderService>; uploads: Upload[] }

const hosts = ['h0', 'h1', 'h2', 'h3']
const urlOf = (host: string): string => `http://${host}:5681`
const redundancy: Redundancy = { dataRows: 2, parityRows: 1 }
const roundsMax = 4

async function runCoded(seed: number, onSim: (sim: Sim) => void): Promise<void> {
  const sim = createSim({ seed, faults: { sectorLossChance: 0.3, lossChance: 0.01 } })
  onSim(sim)
  const net: Net = { sim, flow: createScriptedFlow(), client: sim.boot('w'), holders: new Map(), uploads: [] }
  await sim.run(
    (async () => {
      await Promise.all(hosts.map((host) => boot(net, host)))
      for (let round = 0; round < roundsMax; round++) await playRound(net, seed, round)
      sim.faults.lossChance = 0
      await settle(net)
      for (const upload of net.uploads) await checkRows(net, upload)
    })(),
    3_000_000,
  )
}

async function boot(net: Net, host: string): Promise<void> {
  const env = net.sim.boot(host)
  const starting = startHolder({
    ...{ env, source: net.flow, flowAddress, chainId, port: 5681, shard: null, indexerUrls: [] },
    ...{ secretKey: new Uint8Array(32).fill(1 + hosts.indexOf(host)), submissionWaitMs: 500, announceMs: 400 },
    ...{ peers: hosts.filter((other) => other !== host).map(urlOf), takenMs: 0 },
    repair: { goneMs: 60_000, checkMs: 400, scrubPauseMs: 2_000 },
  })
  const down = net.sim.whenDown(host).then(() => undefined)
  const service = await Promise.race([starting, down])
  if (service) net.holders.set(host, service)
}

/** One bad thing at a time happens to what is stored, since no more than one of three nodes may be lost; the rest as it likes. */
async function playRound(net: Net, seed: number, round: number): Promise<void> {
  const { sim } = net
  const victim = sim.random.pick(hosts)
  const evil = (seed + round) % 5
  if (evil === 0) sim.disk(victim).crashAtChange(1 + sim.random.integer(30))
  if (evil === 1) rot(sim, victim)
  if (evil === 2) await wipe(net, victim)
  if (evil === 3)
    sim.partition(
      [victim],
      hosts.filter((host) => host !== victim),
    )
  if (evil === 4) takeBack(net)
  sim.faults.diskFullChance = sim.random.chance(0.2) ? 0.02 : 0
  await upload(net)
  await sendLies(net)
  for (const each of net.uploads) await checkReadable(net, each)
  sim.faults.diskFullChance = 0
  sim.heal()
  sim.disk(victim).crashAtChange(0)
  if (evil === 0 && sim.isAlive(victim)) sim.random.chance(0.5) ? sim.kill(victim) : sim.crash(victim)
  for (const host of hosts) if (!sim.isAlive(host)) await boot(net, host)
  await settle(net)
}

/** Flips a bit somewhere in what the host stores. */
function rot(sim: Sim, host: string): void {
  const paths = sim
    .disk(host)
    .paths()
    .filter((path) => path.startsWith('fragments/log/'))
  const path = paths.length > 0 ? sim.random.pick(paths) : undefined
  const bytes = path === undefined ? undefined : sim.disk(host).peek(path)
  if (!bytes || bytes.length < 200) return
  const at = 64 + sim.random.integer(bytes.length - 64)
  sim.disk(host).poke(path!, at, Uint8Array.of(bytes[at]! ^ (1 << sim.random.integer(8))))
}

async function wipe(net: Net, host: string): Promise<void> {
  net.sim.kill(host)
  const { disk } = net.sim.boot(host)
  for (const folder of ['fragments', 'flow']) await disk.remove(folder)
  await boot(net, host)
}

/** The last block goes and comes back; everything is said twice. */
function takeBack({ flow }: Net): void {
  const last = flow.events().at(-1)
  if (!last) return
  flow.give({ revert: last.blockNumber - 1 })
  flow.give({ block: last.blockNumber, events: [last] })
  flow.give({ block: last.blockNumber, events: [last, last] })
}

/** Sends each row to its holder and has all sign. What is not final in the end was not promised. */
async function upload(net: Net): Promise<void> {
  const { sim, flow, client } = net
  const sizes = [300, 5_000, 262_144 + 900, 3 * 262_144]
  const file = openFile(sim.random.bytes(1 + sim.random.integer(sim.random.pick(sizes))))
  flow.submit(file.tree)
  const coded = codeFile(file.bytes, file.tree, redundancy)
  const chosen = [...hosts].sort(() => (sim.random.chance(0.5) ? 1 : -1)).slice(0, 3)
  const nodeIds = chosen.map((host) => net.holders.get(host)?.nodeId)
  if (nodeIds.some((nodeId) => nodeId === undefined)) return
  await Promise.all(
    chosen.map((host, row) => send(client, `${urlOf(host)}/fragments/${file.root}`, 'POST', coded.body(row))),
  )
  const placement = coded.placement(nodeIds as Hex[], chainId)
  const body = JSON.stringify({ ...placement, lastCommitment: coded.lastCommitment })
  const answers = await Promise.all(chosen.map((host) => send(client, `${urlOf(host)}/placement`, 'POST', body)))
  const signatures = answers.map((answer) =>
    answer?.status === 200 ? (answer.json as { signature: Hex }).signature : null,
  )
  const signed = { ...placement, signatures }
  if (signatures.includes(null)) return
  net.uploads.push({ file, coded, redundancy, placement: signed })
  for (const host of chosen) await send(client, `${urlOf(host)}/placement/${file.root}`, 'PUT', JSON.stringify(signed))
}

/** A parity row with one bit changed, under a tree and combinations that fit it: only the code itself tells. */
async function sendLies(net: Net): Promise<void> {
  const file = openFile(net.sim.random.bytes(700))
  net.flow.submit(file.tree)
  const coded = codeFile(file.bytes, file.tree, redundancy)
  const truth = coded.fragment(0, 2)!
  const otherBytes = file.bytes.map((byte, at) => (at === 5 ? byte ^ 1 : byte))
  const other = openFile(otherBytes)
  const lie = { ...codeFile(otherBytes, other.tree, redundancy).fragment(0, 2)!, segmentProof: truth.segmentProof }
  const url = `${urlOf(net.sim.random.pick(hosts))}/fragments/${file.root}`
  const mixed = await send(net.client, url, 'POST', toBody([{ ...lie, combinations: truth.combinations }]))
  claim(mixed === undefined || mixed.status !== 200, 'a parity row that the code does not give was acknowledged')
  const changed = await send(net.client, url, 'POST', toBody([{ ...truth, data: lie.data }]))
  claim(changed === undefined || changed.status !== 200, 'changed bytes were acknowledged')
}

/** Reads a file from the nodes that answer, without one of its holders. */
async function checkReadable(net: Net, { file, coded, placement }: Upload): Promise<void> {
  const { root } = file
  const left = net.sim.random.integer(placement.holders.length)
  for (let attempt = 0; attempt < 60; attempt++) {
    const bytes = await readFile(net, { file, coded, placement }, attempt < 30 ? left : -1)
    if (bytes) return claim(Buffer.compare(bytes, file.bytes) === 0, `file ${root} is read changed`)
    await revive(net)
    await net.client.clock.sleep(500)
  }
  claim(false, `file ${root} is final and cannot be read`)
}

/** A node that lost power comes back; it is not one that is lost. */
async function revive(net: Net): Promise<void> {
  net.sim.heal()
  for (const host of hosts) if (!net.sim.isAlive(host)) await boot(net, host)
}

async function readFile(
  net: Net,
  { file, coded, placement }: Pick<Upload, 'file' | 'coded' | 'placement'>,
  without: number,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = []
  const { shape } = file.tree
  for (let stripe = 0; stripe < coded.stripes; stripe++) {
    const frames: { row: number; bytes: Uint8Array<ArrayBuffer> }[] = []
    const needed = Math.min(redundancy.dataRows, shape.segments - stripe * redundancy.dataRows)
    for (let row = 0; row < placement.holders.length && frames.length < needed; row++) {
      if (row === without || !hasRow(shape, redundancy.dataRows, stripe, row)) continue
      const bytes = await fetchFrame(net, file, placement.holders[row]!, row, stripe)
      if (bytes) frames.push({ row, bytes })
    }
    if (frames.length < needed) return undefined
    const wish = { root: file.root, sizeBytes: file.bytes.length, ...redundancy, stripe, frames, withProofs: false }
    const opened = openStripe(wish)
    claim(opened.segments !== undefined, `a holder of ${file.root} serves what is not its row`)
    parts.push(...opened.segments.map(({ data }) => data))
  }
  return Buffer.concat(parts).subarray(0, file.bytes.length)
}

async function fetchFrame(
  { client, holders }: Net,
  { root, bytes: { length } }: TestFile,
  nodeId: Hex,
  row: number,
  stripe: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const [host] = [...holders].find(([, service]) => service.nodeId === nodeId) ?? []
  if (host === undefined) return undefined
  const query = `sizeBytes=${length}&row=${row}&from=${stripe}&to=${stripe + 1}`
  const answer = await send(client, `${urlOf(host)}/fragments/${root}?${query}`, 'GET')
  return answer?.status === 200 && answer.bytes.length > 4 ? new Uint8Array(answer.bytes.subarray(4)) : undefined
}

/** Every holder has its row as it was coded: what was lost has been rebuilt. */
async function checkRows(net: Net, { file, coded, placement }: Upload): Promise<void> {
  for (const [row, nodeId] of placement.holders.entries()) {
    for (let stripe = 0; stripe < coded.stripes; stripe++) {
      const truth = coded.fragment(stripe, row)
      if (!truth) continue
      const bytes = await fetchFrame(net, file, nodeId, row, stripe)
      claim(bytes !== undefined, `row ${row} of ${file.root} was lost and is not rebuilt`)
      claim(Buffer.compare(bytes, toBody([truth]).subarray(4)) === 0, `row ${row} of ${file.root} is another one`)
    }
  }
}

/** Until scrubbing and repair have had time for everything. */
async function settle(net: Net): Promise<void> {
  for (let turn = 0; turn < 40; turn++) {
    await net.client.clock.sleep(400)
    const waiting = [...net.holders.values()].some(({ holder }) => holder.repair.stats().waiting > 0)
    if (turn > 8 && !waiting) return
  }
}

type Answer = { status: number; bytes: Uint8Array; json: unknown }

async function send(client: Env, url: string, method: string, body?: Uint8Array | string): Promise<Answer | undefined> {
  try {
    const options = { method, timeoutMs: 3_000, ...(body === undefined ? {} : { body }) }
    const response = await client.network.fetch(url, options)
    const bytes = await response.bytes(4 * fragmentFrameBytesMax)
    return { status: response.status, bytes, json: readJson(bytes) }
  } catch {
    return undefined
  }
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}
