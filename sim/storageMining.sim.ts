/**
 * A holder's fragments are sealed where they lie while others come and replace them, and the machine dies at every write:
 * by power cut, by `kill -9`, with torn and lost sectors, failing and full disks. The store is the real one.
 */
import { bytesEqual, bytesToHex } from '@weightless/codec'
import { keccak256, type SealTag, unsealInPlace } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { Sim } from '@weightless/env/sim'
import { openFragmentStore } from '@weightless/storage/holder/fragmentStore'
import { type SealableFragments, sealAtRest } from '@weightless/storage/mining/sealAtRest'
import { decodeFragmentFrame, encodeFragmentFrame } from '@weightless/storage/wire'
import { crashFaults, isInjected, runCrashRounds } from './crashRounds.ts'
import { claim, type Scenario } from './scenario.ts'

export const storageMining: Scenario = {
  name: 'storage/mining',
  claim:
    'What was acknowledged is read as it came, sealed or not; what the miner reads unseals to it; nothing old comes back.',
  plants: ['skip-fsync', 'swap-write-order', 'ignore-torn-tail', 'seal-over-newer'],
  fires: crashFaults,
  run: runMining,
}

/** What a stripe may hold: the acknowledged frame, and those on their way when the power failed. */
type Promised = { acknowledged: Uint8Array | undefined; possible: Uint8Array[] }

const fileKey = 'cd'.repeat(20)
const sizeBytes = 5 * 262_144
const stripesMax = 3
const sealSectors = 16
const minerIds = [1, 2].map((name) => keccak256(new Uint8Array([name])))

async function runMining(seed: number, onSim: (sim: Sim) => void): Promise<void> {
  const stripes: Promised[] = Array.from({ length: stripesMax }, () => ({ acknowledged: undefined, possible: [] }))
  await runCrashRounds(seed, onSim, {
    async work(env, sim) {
      try {
        const fragments = await open(env)
        for (const [stripe, promised] of stripes.entries()) await check(fragments, stripe, promised)
        for (let step = 0; step < 8; step++) await act(fragments, sim, stripes)
        for (const [stripe, promised] of stripes.entries()) await check(fragments, stripe, promised)
      } catch (fault) {
        const isCalm = sim.faults.diskErrorChance === 0 && sim.faults.diskFullChance === 0
        if (isCalm || !isInjected(fault)) throw fault
      }
    },
  })
}

async function open(env: Env): Promise<SealableFragments> {
  const events = { onStored: () => undefined, onLost: () => undefined }
  return sealAtRest(await openFragmentStore({ clock: env.clock, disk: env.disk, log: env.log }, events), env.tasks)
}

/** Adds, seals, or seals while a newer fragment comes. */
async function act(fragments: SealableFragments, sim: Sim, stripes: Promised[]): Promise<void> {
  const stripe = sim.random.integer(stripesMax)
  const promised = stripes[stripe]!
  const tag = tagOf(sim, stripe)
  if (sim.random.chance(0.4)) return add(fragments, stripe, promised, frameOf(sim, stripe))
  const sealing = fragments.seal(fileKey, stripe, tag)
  if (sim.random.chance(0.5)) await Promise.all([sealing, add(fragments, stripe, promised, frameOf(sim, stripe))])
  else await sealing
}

async function add(fragments: SealableFragments, stripe: number, promised: Promised, frame: Uint8Array): Promise<void> {
  promised.possible.push(frame)
  if (!(await fragments.add(fileKey, stripe, frame))) return
  promised.acknowledged = frame
  promised.possible = [frame]
}

async function check(fragments: SealableFragments, stripe: number, promised: Promised): Promise<void> {
  const read = await fragments.read(fileKey, stripe, sizeBytes)
  if (!read) return claim(promised.acknowledged === undefined, `stripe ${stripe} was acknowledged and is lost`)
  const isKnown = promised.possible.some((frame) => bytesEqual(frame, read))
  claim(isKnown, `stripe ${stripe} is read changed or old: ${bytesToHex(keccak256(read))}`)
  // What survived a crash without its acknowledgement is there from now on.
  promised.acknowledged = read
  promised.possible = [read]
  const sealed = await fragments.readSeals(fileKey, stripe)
  if (!sealed) return
  const plain = decodeFragmentFrame(read)
  claim(plain.ok, `stripe ${stripe} is sealed and no frame`)
  for (let at = 0; at < sealed.seals.length; at += 4096) {
    const seal = sealed.seals.slice(at, at + 4096)
    unsealInPlace(seal, { ...sealed.tag, startSector: sealed.tag.startSector + (at / 4096) * sealSectors })
    claim(bytesEqual(seal, plain.value.data.subarray(at, at + 4096)), `seal ${at / 4096} of stripe ${stripe} is wrong`)
  }
}

/** A data row of three seals and a rest; only its form matters here. */
function frameOf(sim: Sim, stripe: number): Uint8Array {
  return encodeFragmentFrame({
    ...{ sizeBytes, stripe, row: 0, dataRows: 1, parityRows: 1, rowBytes: 16_384 },
    ...{ rowRoot: sim.random.bytes(32), combinations: sim.random.bytes(16), rowPath: [] },
    segmentProof: undefined,
    data: sim.random.bytes(3 * 4096 + 256),
  })
}

function tagOf(sim: Sim, stripe: number): SealTag {
  const contextDigest = keccak256(new Uint8Array([sim.random.integer(2)]))
  return { minerId: sim.random.pick(minerIds), contextDigest, startSector: 1024 * (stripe + 1) }
}
