/**
 * Uploads to a real storage node that dies at every write of them: by power cut, by `kill -9`, with torn and lost sectors,
 * failing disks, lost messages and reset connections. The chain is `scriptedFlow`, a stand-in that gives Submit events.
 */
import type { Env } from '@weightless/env'
import { createSim, type Sim } from '@weightless/env/sim'
import { startStorageNode } from '@weightless/storage'
import { createScriptedFlow, type ScriptedFlow } from '../packages/storage/src/testing/scriptedFlow.ts'
import { chainId, flowAddress, openFile, type TestFile } from '../packages/storage/src/testing/storageClient.ts'
import { claim, type Scenario } from './scenario.ts'

export const storageUpload: Scenario = {
  name: 'storage/upload',
  claim:
    'The node always starts again; a segment that it acknowledged is there; what it serves are the uploaded bytes.',
  plants: ['skip-fsync', 'swap-write-order', 'ignore-torn-tail', 'skip-folder-sync'],
  fires: [
    ...(['crash', 'kill', 'write torn', 'write forgotten', 'sectors lost', 'disk error'] as const),
    ...(['folder change forgotten', 'message lost', 'connection reset', 'connection broken by crash'] as const),
  ],
  run: runUpload,
}

type Upload = { seq: number; file: TestFile; acknowledged: Set<number> }

/** The first round dies at a write given by the seed, so that 50 seeds in a row walk through every write of the uploads. */
async function runUpload(seed: number, onSim: (sim: Sim) => void): Promise<void> {
  const sim = createSim({ seed, faults: { sectorLossChance: 0.3, lossChance: 0.02, resetChance: 0.005 } })
  onSim(sim)
  const flow = createScriptedFlow()
  const uploads: Upload[] = []
  for (let round = 0; round < roundsMax; round++) {
    const isCalm = round === roundsMax - 1
    sim.faults.diskErrorChance = !isCalm && sim.random.chance(0.2) ? 0.02 : 0
    if (isCalm) Object.assign(sim.faults, { lossChance: 0, resetChance: 0 })
    const node = sim.boot('node')
    const client = sim.boot('client')
    if (!isCalm)
      sim.disk('node').crashAtChange(round === 0 ? 1 + ((seed - 1) % firstChanges) : 1 + sim.random.integer(30))
    const story = tellStory(sim, { node, client }, flow, uploads)
    const isFaulty = sim.faults.diskErrorChance > 0
    await sim.run(Promise.race([story.catch(passIfInjected(isFaulty)), sim.whenDown('node')]))
    if (isCalm)
      claim(
        uploads.every(({ file, acknowledged }) => acknowledged.size === segmentCount(file)),
        'unfinished',
      )
    sim.disk('node').crashAtChange(0)
    if (sim.random.chance(0.5)) sim.kill('node')
    else sim.crash('node')
  }
}

type Hosts = { node: Env; client: Env }

async function tellStory(sim: Sim, { node, client }: Hosts, flow: ScriptedFlow, uploads: Upload[]): Promise<void> {
  const service = await startStorageNode({ env: node, source: flow, flowAddress, chainId, port: 5678 })
  for (const upload of uploads) await checkUpload(client, upload)
  while (uploads.length < filesMax) {
    const file = openFile(sim.random.bytes(1 + sim.random.integer(sim.random.pick([300, 5_000, 300_000]))))
    uploads.push({ seq: flow.submit(file.tree), file, acknowledged: new Set() })
    await finishUpload(client, uploads.at(-1)!)
  }
  for (const upload of uploads) await finishUpload(client, upload)
  await service.close()
}

/** Sends what is not acknowledged yet, then reads the whole file back. */
async function finishUpload(client: Env, upload: Upload): Promise<void> {
  const { seq, file, acknowledged } = upload
  await untilSeen(client, seq)
  for (let index = 0; index < segmentCount(file); index++) {
    if (acknowledged.has(index)) continue
    const { result, error } = await ask(client, 'zgs_uploadSegmentByTxSeq', [file.segment(index), seq])
    // A segment whose acknowledgement was lost on the way is refused as there already; that is an acknowledgement too.
    if (result === null || /already/.test(`${error?.message} ${error?.data}`)) acknowledged.add(index)
  }
  await checkUpload(client, upload)
}

/** All that was acknowledged is served, and is what was uploaded. */
async function checkUpload(client: Env, { seq, file, acknowledged }: Upload): Promise<void> {
  if (acknowledged.size === 0) return
  await untilSeen(client, seq)
  for (const index of acknowledged) {
    const { result } = await ask(client, 'zgs_downloadSegmentWithProof', [file.root, index])
    const { data } = (result ?? {}) as { data?: string }
    claim(data !== undefined, `segment ${index} of file ${seq} was acknowledged and is lost`)
    claim(data === file.segment(index).data, `segment ${index} of file ${seq} is served changed`)
  }
}

async function untilSeen(client: Env, seq: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const { result } = await ask(client, 'zgs_getFileInfoByTxSeq', [seq])
    if (result !== null && result !== undefined) return
    await client.clock.sleep(200)
  }
  claim(false, `file ${seq} was submitted and is not seen by the node`)
}

type Answer = { result?: unknown; error?: { message: string; data?: string } }

/** One JSON-RPC call; a connection that breaks is tried again. */
async function ask(client: Env, method: string, params: unknown[]): Promise<Answer> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      const headers = { 'content-type': 'application/json' }
      const response = await client.network.fetch('http://node:5678/', { method: 'POST', body, headers })
      return (await response.json()) as Answer
    } catch {
      await client.clock.sleep(50)
    }
  }
  return {}
}

function segmentCount({ tree }: TestFile): number {
  return tree.shape.segments
}

/** While the disk returns errors the node may stop, fail to start, or not answer; never may it lie. */
function passIfInjected(isFaulty: boolean): (error: unknown) => void {
  return (error) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const isLie = error instanceof Error && /changed/.test(error.message)
    const isCorrupt = code === 'store/log-corrupt'
    if (!isFaulty || isLie || isCorrupt) throw error
  }
}

const roundsMax = 5
/** Disk operations of one round that change something: some 45. */
const firstChanges = 50
const filesMax = 4
