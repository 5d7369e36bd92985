/**
 * Any third of a file's nodes is removed, disks and all, in the middle of a read and of an upload: all 15 pairs of 6, and
 * random thirds of 24 at 16+8, of which there are 100 with WEIGHTLESS_HEAVY=1 (some minutes).
 */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { openPlaced, spreadFile, toBlobSource } from '@weightless/blobs'
import { bytesToHex } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import { type Network, NetworkError } from '@weightless/env'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { type CodedFile, codeFile } from '../testing/codedFile.ts'
import { createScriptedFlow } from '../testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, type TestFile } from '../testing/storageClient.ts'
import { type NodeRecord, placementStage, type Redundancy, type SignedPlacement } from '../wire/index.ts'
import { type HolderService, startHolder } from './startHolder.ts'

type Net = {
  env: NodeEnv
  folder: string
  file: TestFile
  coded: CodedFile
  source: ReturnType<typeof createScriptedFlow>
  holders: HolderService[]
}

async function withNet(redundancy: Redundancy, sizeBytes: number, run: (net: Net) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'weightless-third-'))
  const env = createNodeEnv({ dataFolder: folder, log: 'silent' })
  const file = openFile(makeFile(sizeBytes))
  const source = createScriptedFlow()
  source.submit(file.tree)
  const net: Net = { env, folder, file, coded: codeFile(file.bytes, file.tree, redundancy), source, holders: [] }
  try {
    const rows = [...Array(redundancy.dataRows + redundancy.parityRows).keys()]
    await Promise.all(rows.map((row) => fill(net, row)))
    await run(net)
  } finally {
    await Promise.all(net.holders.map((holder) => holder.close()))
    await env.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function start(net: Net, row: number, port = 0): Promise<HolderService> {
  const { env, source } = net
  const place = { disk: env.disk.folder(`h${row}`), secretKey: new Uint8Array(32).fill(row + 1), shard: null }
  const holder = await startHolder({ env, source, flowAddress, chainId, port, indexerUrls: [], ...place })
  net.holders[row] = holder
  return holder
}

/** Ends a holder and removes all that it had. */
async function remove({ holders, folder }: Net, row: number): Promise<void> {
  await holders[row]!.close()
  await rm(join(folder, `h${row}`), { recursive: true, force: true })
}

/** Starts the holder of a row on an empty disk and gives it its row. */
async function fill(net: Net, row: number): Promise<void> {
  const { coded, file } = net
  net.holders[row] = await start(net, row)
  const url = `${net.holders[row].url}/fragments/${file.root}`
  const answer = await fetch(url, { method: 'POST', body: coded.body(row) as BodyInit })
  assert.equal(answer.status, 200)
}

async function sign({ holders, coded }: Net): Promise<SignedPlacement> {
  const placement = coded.placement(
    holders.map(({ nodeId }) => nodeId),
    chainId,
  )
  const body = JSON.stringify({ ...placement, lastCommitment: coded.lastCommitment })
  const signatures = await Promise.all(
    holders.map(async ({ url }) => {
      const answer = await fetch(`${url}/placement`, { method: 'POST', body })
      return ((await answer.json()) as { signature: `0x${string}` }).signature
    }),
  )
  return { ...placement, signatures }
}

/** Reads while the disks of `rows` go; then puts the network together again. */
async function readWithout(net: Net, placement: SignedPlacement, rows: readonly number[]): Promise<void> {
  const { env, holders, file } = net
  const records = (await Promise.all(holders.map(({ holder }) => holder.record()))) as NodeRecord[]
  const parts = { network: env.network, clock: env.clock, tasks: env.tasks, timeoutMs: 5_000, stallMs: 10_000 }
  const opened = openPlaced(parts, placement, records)
  const found: Uint8Array[] = []
  for await (const piece of opened.readSegments(0, file.tree.shape.segments)) {
    found.push(piece)
    if (found.length === 1) await Promise.all(rows.map((row) => remove(net, row)))
  }
  assert.ok(Buffer.concat(found).subarray(0, file.bytes.length).equals(file.bytes), `without ${rows}, during`)
  const after: Uint8Array[] = []
  for await (const piece of openPlaced(parts, placement, records).readSegments(0, file.tree.shape.segments))
    after.push(piece)
  assert.ok(Buffer.concat(after).subarray(0, file.bytes.length).equals(file.bytes), `without ${rows}, after`)
  await Promise.all(rows.map((row) => fill(net, row)))
}

/** Uploads a file of its own; at a third of it the disks of `rows` go, and empty nodes come back in their place. */
async function uploadWithout(net: Net, redundancy: Redundancy, rows: readonly number[]): Promise<void> {
  const { env, source, holders } = net
  const { dataRows, parityRows } = redundancy
  const bytes = makeFile(6 * dataRows * 262_144 - 999)
  bytes.set(rows)
  const file = openFile(bytes)
  source.submit(file.tree)
  const nodes = (await Promise.all(holders.map(({ holder }) => holder.record()))) as NodeRecord[]
  // A holder that is closed lets requests in flight end; one that dies does not.
  const cut = new AbortController()
  const network = resetting(env.network, new Set(rows.map((row) => holders[row]!.url)), cut.signal)
  const parts = { network, clock: env.clock, tasks: env.tasks, timeoutMs: 5_000, stallMs: 20_000 }
  let removal: Promise<void> | undefined
  const replace = async (): Promise<void> => {
    cut.abort()
    const ports = rows.map((row) => holders[row]!.port)
    await Promise.all(rows.map((row) => remove(net, row)))
    await Promise.all(rows.map((row, at) => start(net, row, ports[at])))
  }
  const onProgress = (done: number, total: number): void => {
    if (done > total / 3 && done < total) removal ??= replace()
  }
  const job = { source: toBlobSource(bytes), file: file.tree, submission: { startSegment: 0 }, redundancy, nodes }
  const windowBytes = 2 * (dataRows + parityRows) * 262_144
  const placement = await spreadFile(parts, job, { onProgress, windowBytes })
  assert.ok(removal, 'all was there before anything was removed')
  await removal
  assert.equal(placementStage(placement), 'final')
  // Those that were removed are needed now: as many others are not asked.
  const lost = rows.map((row) => nodes[row]!.nodeId)
  const others = nodes.filter(({ nodeId }) => !lost.includes(nodeId)).slice(0, rows.length)
  const read: Uint8Array[] = []
  for (const asked of [nodes, nodes.filter((node) => !others.includes(node))]) {
    read.length = 0
    const opened = openPlaced(parts, placement, asked)
    for await (const piece of opened.stream(0, bytes.length)) read.push(piece)
    assert.equal(bytesToHex(fileRoot(Buffer.concat(read))), file.root, `without ${rows}`)
  }
}

/** Requests to these nodes that are in flight when `cut` aborts end there and then. */
function resetting(network: Network, urls: ReadonlySet<string>, cut: AbortSignal): Network {
  const fetch: Network['fetch'] = async (url, options = {}) => {
    if (cut.aborted || !urls.has(new URL(url).origin)) return network.fetch(url, options)
    const signal = options.signal ? AbortSignal.any([options.signal, cut]) : cut
    const answer = await network.fetch(url, { ...options, signal }).catch((cause: unknown) => {
      throw cut.aborted ? new NetworkError({ url, reason: 'ECONNRESET' }, { cause }) : cause
    })
    return answer
  }
  return { ...network, fetch }
}

/** Sets of 8 out of 24, the same ones in every run. */
function randomThirds(count: number): number[][] {
  let state = 12345
  const next = (bound: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % bound
  }
  return Array.from({ length: count }, () => {
    const rows = new Set<number>()
    while (rows.size < 8) rows.add(next(24))
    return [...rows]
  })
}

async function bytesOnDisk(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = entries.map(async (entry) =>
    entry.isFile() ? (await stat(join(entry.parentPath, entry.name))).size : 0,
  )
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0)
}

describe('a third of the nodes is removed', () => {
  test('before that, all six have together at most 1.6 times the file on their disks', async () => {
    const sizeBytes = 16 * 262_144
    await withNet({ dataRows: 4, parityRows: 2 }, sizeBytes, async ({ folder }) => {
      const bytes = await bytesOnDisk(folder)
      assert.ok(bytes <= 1.6 * sizeBytes, `${bytes / sizeBytes}`)
      assert.ok(bytes > 1.5 * sizeBytes)
    })
  })

  test('all 15 pairs of 6 at 4+2', async () => {
    await withNet({ dataRows: 4, parityRows: 2 }, 5 * 262_144 + 777, async (net) => {
      const placement = await sign(net)
      assert.equal(placementStage(placement), 'final')
      for (let a = 0; a < 6; a++) for (let b = a + 1; b < 6; b++) await readWithout(net, placement, [a, b])
    })
  })

  test('all 15 pairs of 6 during an upload, and empty nodes come back', async () => {
    const redundancy = { dataRows: 4, parityRows: 2 }
    const pairs = [0, 1, 2, 3, 4, 5].flatMap((a) => [0, 1, 2, 3, 4, 5].flatMap((b) => (a < b ? [[a, b]] : [])))
    assert.equal(pairs.length, 15)
    const groups = [0, 1, 2].map((group) => pairs.filter((_, at) => at % 3 === group))
    await Promise.all(
      groups.map((group) =>
        withNet(redundancy, 1_000, async (net) => {
          for (const pair of group) await uploadWithout(net, redundancy, pair)
        }),
      ),
    )
  })

  const [reads, uploads] = process.env.WEIGHTLESS_HEAVY ? [100, 100] : [3, 1]
  test(`${reads} random thirds of 24 at 16+8 during a read, ${uploads} during an upload`, async () => {
    const redundancy = { dataRows: 16, parityRows: 8 }
    await withNet(redundancy, 17 * 262_144 + 5, async (net) => {
      const placement = await sign(net)
      for (const rows of randomThirds(reads)) await readWithout(net, placement, rows)
      for (const rows of randomThirds(uploads)) await uploadWithout(net, redundancy, rows)
    })
  })
})
