/** Real holders on loopback: bit rot, a wiped disk and a holder that is gone are repaired, with k fragments moved for one. */
import assert from 'node:assert/strict'
import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { type CodedFile, codeFile } from '../../testing/codedFile.ts'
import { createScriptedFlow } from '../../testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, until } from '../../testing/storageClient.ts'
import { placementStage, readPlacement, type SignedPlacement } from '../../wire/index.ts'
import { type HolderService, startHolder } from '../startHolder.ts'

const redundancy = { dataRows: 4, parityRows: 2 }
/** Three stripes; the last has two segments, so that two data rows are not there. */
const file = openFile(makeFile(9 * 262_144 + 70_000))
const source = createScriptedFlow()
const peers: string[] = []
const holders: (HolderService | undefined)[] = []
let coded: CodedFile
let folder: string
let env: NodeEnv

const start = async (index: number): Promise<HolderService> => {
  const service = await startHolder({
    ...{ env, source, flowAddress, chainId, port: 0, indexerUrls: [], peers, shard: null },
    ...{ disk: env.disk.folder(`h${index}`), secretKey: new Uint8Array(32).fill(index + 1) },
    ...{ announceMs: 100, repair: { goneMs: 3_000, checkMs: 100 } },
  })
  peers.push(service.url)
  holders[index] = service
  return service
}
const stop = async (index: number): Promise<void> => {
  const service = holders[index]!
  holders[index] = undefined
  peers.splice(peers.indexOf(service.url), 1)
  await service.close()
}
const rowOf = async ({ url }: HolderService, row: number): Promise<Buffer> => {
  const query = `sizeBytes=${file.bytes.length}&row=${row}&from=0&to=9`
  const response = await fetch(`${url}/fragments/${file.root}?${query}`)
  return Buffer.from(await response.arrayBuffer())
}
const newest = async ({ url }: HolderService): Promise<SignedPlacement> => {
  const [json] = (await (await fetch(`${url}/placement/${file.root}`)).json()) as unknown[]
  const read = readPlacement(json)
  assert.ok(read.ok)
  return read.value
}

describe('repair', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weightless-repair-'))
    env = createNodeEnv({ dataFolder: folder, log: 'silent' })
    coded = codeFile(file.bytes, file.tree, redundancy)
    source.submit(file.tree)
    await Promise.all(Array.from({ length: 8 }, (_, index) => start(index)))
    const six = holders.slice(0, 6).map((each) => each!)
    const stored = await Promise.all(
      six.map(({ url }, row) =>
        fetch(`${url}/fragments/${file.root}`, { method: 'POST', body: coded.body(row) as BodyInit }),
      ),
    )
    assert.ok(stored.every(({ status }) => status === 200))
    const placement = coded.placement(
      six.map(({ nodeId }) => nodeId),
      chainId,
    )
    const body = JSON.stringify({ ...placement, lastCommitment: coded.lastCommitment })
    const signatures = await Promise.all(
      six.map(async ({ url }) => {
        const answer = await fetch(`${url}/placement`, { method: 'POST', body })
        return ((await answer.json()) as { signature: string }).signature
      }),
    )
    const signed = { ...placement, signatures } as SignedPlacement
    assert.equal(placementStage(signed), 'final')
    for (const { url } of six) {
      const put = await fetch(`${url}/placement/${file.root}`, { method: 'PUT', body: JSON.stringify(signed) })
      assert.equal(put.status, 204)
    }
  })

  after(async () => {
    await Promise.all(holders.map((each) => each?.close()))
    await env.close()
    await rm(folder, { recursive: true, force: true })
  })

  test('a flipped bit is found by a report, told, and repaired with k fragments', async () => {
    const [path] = (await readdir(join(folder, 'h4', 'fragments', 'log'))).sort()
    const handle = await open(join(folder, 'h4', 'fragments', 'log', path!), 'r+')
    await handle.write(Buffer.from([0xee]), 0, 1, 100_000)
    await handle.close()
    const service = holders[4]!
    const before = service.holder.repair.stats()
    for (let stripe = 0; stripe < 3; stripe++) {
      const query = `sizeBytes=${file.bytes.length}&stripe=${stripe}`
      const answer = await fetch(`${service.url}/fragments/${file.root}/doubt?${query}`, { method: 'POST' })
      assert.equal(answer.status, 202)
    }
    await until('rebuilt', async () => (await rowOf(service, 4)).equals(Buffer.from(coded.body(4))))
    const now = service.holder.repair.stats()
    assert.deepEqual([now.rebuilt - before.rebuilt, now.fetched - before.fetched], [1, 4])
  })

  test('a node that lost its disk gets its row back', async () => {
    await stop(2)
    await rm(join(folder, 'h2'), { recursive: true, force: true })
    const again = await start(2)
    await until('restored', async () => (await rowOf(again, 2)).equals(Buffer.from(coded.body(2))))
    const { rebuilt, fetched } = again.holder.repair.stats()
    // The last stripe does not have row 2.
    assert.deepEqual([rebuilt, fetched], [2, 8])
    assert.equal((await newest(again)).version, 1)
  })

  test('the row of a holder that is gone goes to the next in line, and all that are left sign', async () => {
    await stop(0)
    const spares = [holders[6]!, holders[7]!]
    const taken = () => spares.find(({ holder }) => holder.repair.stats().takenOver === 1)
    await until('taken over', () => taken() !== undefined)
    const heir = taken()!
    assert.deepEqual(await rowOf(heir, 0), Buffer.from(coded.body(0)))
    const { rebuilt, fetched } = heir.holder.repair.stats()
    assert.ok(fetched <= 5 * rebuilt, `${fetched} for ${rebuilt}`)
    await until('known to all', async () => {
      const known = await Promise.all([1, 2, 3, 4, 5].map((index) => newest(holders[index]!)))
      return known.every(({ version }) => version >= 2)
    })
    const placement = await newest(heir)
    assert.equal(placementStage(placement), 'final')
    assert.equal(placement.holders[0], heir.nodeId)
  })

  test('who comes back after that learns that its row has gone, and may let go of it', async () => {
    const back = await start(0)
    await until('learnt', async () => (await newest(back)).version >= 2)
    const kept = back.holder.fragments.files(1)[0]!
    assert.equal(back.holder.placements.isPlaced(kept), false)
  })
})
