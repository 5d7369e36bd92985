/**
 * Any third of a file's nodes is removed, disks and all, in the middle of a read: all 15 pairs of 6. With WEIGHTLESS_HEAVY=1
 * also 100 random thirds of 24 nodes at 16+8, some minutes.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { openPlaced } from '@weightless/blobs'
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

/** Starts the holder of a row on an empty disk and gives it its row. */
async function fill(net: Net, row: number): Promise<void> {
  const { env, source, coded, file } = net
  const place = { disk: env.disk.folder(`h${row}`), secretKey: new Uint8Array(32).fill(row + 1), shard: null }
  net.holders[row] = await startHolder({ env, source, flowAddress, chainId, port: 0, indexerUrls: [], ...place })
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
  const { env, holders, folder, file } = net
  const records = (await Promise.all(holders.map(({ holder }) => holder.record()))) as NodeRecord[]
  const parts = { network: env.network, clock: env.clock, tasks: env.tasks, timeoutMs: 5_000, stallMs: 10_000 }
  const opened = openPlaced(parts, placement, records)
  const found: Uint8Array[] = []
  for await (const piece of opened.readSegments(0, file.tree.shape.segments)) {
    found.push(piece)
    if (found.length === 1) await Promise.all(rows.map((row) => remove(row)))
  }
  assert.ok(Buffer.concat(found).subarray(0, file.bytes.length).equals(file.bytes), `without ${rows}, during`)
  const after: Uint8Array[] = []
  for await (const piece of openPlaced(parts, placement, records).readSegments(0, file.tree.shape.segments))
    after.push(piece)
  assert.ok(Buffer.concat(after).subarray(0, file.bytes.length).equals(file.bytes), `without ${rows}, after`)
  await Promise.all(rows.map((row) => fill(net, row)))

  async function remove(row: number): Promise<void> {
    await holders[row]!.close()
    await rm(join(folder, `h${row}`), { recursive: true, force: true })
  }
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

  test('100 random thirds of 24 at 16+8', { skip: !process.env.WEIGHTLESS_HEAVY }, async () => {
    await withNet({ dataRows: 16, parityRows: 8 }, 17 * 262_144 + 5, async (net) => {
      const placement = await sign(net)
      let state = 12345
      const next = (bound: number) => {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0
        return (state >>> 8) % bound
      }
      for (let i = 0; i < 100; i++) {
        const rows = new Set<number>()
        while (rows.size < 8) rows.add(next(24))
        await readWithout(net, placement, [...rows])
      }
    })
  })
})
