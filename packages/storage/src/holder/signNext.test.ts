/** Strangers that ask holders to sign with true content: for high versions, for next ones without a reason, for rows of others. Then repair. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { spreadFile, toBlobSource } from '@weightless/blobs'
import { bytesToHex, type Hex } from '@weightless/codec'
import { ed25519PublicKey } from '@weightless/crypto'
import { NetworkError } from '@weightless/env'
import type { NodeEnv } from '@weightless/env/node'
import { type CodedFile, codeFile } from '../testing/codedFile.ts'
import { createScriptedFlow } from '../testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, type TestFile, until, withEnv } from '../testing/storageClient.ts'
import { type Placement, placementStage, type SignedPlacement, signPlacement } from '../wire/index.ts'
import { type HolderService, startHolder } from './startHolder.ts'

const redundancy = { dataRows: 2, parityRows: 2 }
const rows = [0, 1, 2, 3]
const top = 2 ** 32 - 1
const secrets = [201, 202, 203, 204].map((byte) => new Uint8Array(32).fill(byte))
const strangers = secrets.map((key) => bytesToHex(ed25519PublicKey(key)))
const content = openFile(makeFile(5 * 262_144 + 999))

type Net = {
  env: NodeEnv
  file: TestFile
  coded: CodedFile
  /** The first four have the rows. */
  holders: HolderService[]
  ids: Hex[]
  stop(index: number): Promise<void>
}

async function withNet(count: number, run: (net: Net) => Promise<void>): Promise<void> {
  await withEnv(async ({ env, keep }) => {
    const source = createScriptedFlow()
    const peers: string[] = []
    const start = async (index: number): Promise<HolderService> => {
      const place = { disk: env.disk.folder(`h${index}`), secretKey: new Uint8Array(32).fill(index + 1), shard: null }
      const net = { env, source, flowAddress, chainId, port: 0, indexerUrls: [], peers }
      const repair = { goneMs: 3_000, checkMs: 100 }
      const holder = await keep(startHolder({ ...net, ...place, announceMs: 100, takenMs: 0, repair }))
      peers.push(holder.url)
      return holder
    }
    const holders = await Promise.all(Array.from({ length: count }, (_, index) => start(index)))
    const coded = codeFile(content.bytes, content.tree, redundancy)
    source.submit(content.tree)
    for (const row of rows) {
      const body = coded.body(row) as BodyInit
      assert.equal(
        (await fetch(`${holders[row]!.url}/fragments/${content.root}`, { method: 'POST', body })).status,
        200,
      )
    }
    await until('all known', () => holders.every(({ holder }) => holder.nodes.live().length === count - 1))
    const stop = async (index: number): Promise<void> => {
      peers.splice(peers.indexOf(holders[index]!.url), 1)
      await holders[index]!.close()
    }
    await run({ env, file: content, coded, holders, ids: holders.map(({ nodeId }) => nodeId), stop })
  })
}

type Asked = Placement & { earlier?: SignedPlacement }

/** The signature, or why not. */
async function ask({ holders, coded }: Net, index: number, placement: Asked): Promise<string> {
  const body = JSON.stringify({ ...placement, lastCommitment: coded.lastCommitment })
  const answer = await fetch(`${holders[index]!.url}/placement`, { method: 'POST', body })
  const { signature, code } = (await answer.json()) as { signature?: string; code?: string }
  return signature ?? code ?? ''
}

async function put({ holders, file }: Net, index: number, placement: SignedPlacement): Promise<number> {
  const body = JSON.stringify(placement)
  return (await fetch(`${holders[index]!.url}/placement/${file.root}`, { method: 'PUT', body })).status
}

const isSignature = (answer: string): boolean => /^0x[0-9a-f]{128}$/.test(answer)

async function place(net: Net, unsigned: readonly number[] = []): Promise<SignedPlacement> {
  const placement = net.coded.placement(net.ids.slice(0, 4), chainId)
  const signatures = await Promise.all(
    rows.map(async (row) => (unsigned.includes(row) ? null : ((await ask(net, row, placement)) as Hex))),
  )
  const signed = { ...placement, signatures }
  for (const row of rows) assert.equal(await put(net, row, signed), 204)
  return signed
}

function signedBy(placement: Placement, keys: readonly Uint8Array[]): SignedPlacement {
  const keyOf = (holder: Hex) => keys.find((key) => bytesToHex(ed25519PublicKey(key)) === holder)
  const signatures = placement.holders.map((holder) => {
    const key = keyOf(holder)
    return key ? signPlacement(placement, key) : null
  })
  return { ...placement, signatures }
}

describe('a holder signs the next version', () => {
  test('and no high one, no unchanged one, none that takes a row from a node that has it; then repair goes on', async () => {
    await withNet(6, async (net) => {
      const { coded, ids, holders } = net
      const first = await place(net)
      assert.equal(placementStage(first), 'final')
      const own = ids.slice(0, 4)
      const forged = signedBy(coded.placement([ids[0]!, ...strangers.slice(0, 3)], chainId, top - 1), secrets)
      assert.equal(placementStage(forged), 'accepted')
      for (const row of rows) {
        assert.equal(await ask(net, row, coded.placement(own, chainId, top)), 'version-gap')
        const shown = { ...coded.placement(own, chainId, top), earlier: forged }
        assert.equal(await ask(net, row, shown), 'version-gap')
        assert.equal(await ask(net, row, coded.placement(own, chainId, 2)), 'placement-same')
        assert.ok(isSignature(await ask(net, row, coded.placement(own, chainId))))
      }
      for (const victim of rows) {
        const displaced = own.map((id, row) => (row === victim ? strangers[0]! : id))
        const asked = rows.filter((row) => row !== victim)
        const answers = await Promise.all(asked.map((row) => ask(net, row, coded.placement(displaced, chainId, 2))))
        assert.deepEqual(answers, ['holder-live', 'holder-live', 'holder-live'])
      }
      const swapped = [own[0]!, own[1]!, own[3]!, own[2]!]
      assert.equal(await ask(net, 0, coded.placement(swapped, chainId, 2)), 'holder-live')
      assert.equal(await ask(net, 2, coded.placement(swapped, chainId, 2)), 'fragments-missing')
      assert.deepEqual(new Set(await Promise.all(rows.map((row) => put(net, row, forged)))), new Set([409]))

      await net.stop(1)
      const known = () => [0, 2, 3].map((row) => holders[row]!.holder.placements.find(content.root)[0]!)
      await until('taken over', () => known().every(({ version }) => version === 2))
      const [repaired] = known()
      assert.equal(placementStage(repaired!), 'final')
      assert.ok(ids.slice(4).includes(repaired!.holders[1]!))
    })
  })

  test('a signature alone, and a placement that strangers signed, stand in nobody’s way', async () => {
    await withNet(4, async (net) => {
      const { coded, ids } = net
      for (const row of rows) {
        assert.equal(await ask(net, row, coded.placement(ids, chainId, top)), 'version-gap')
        const mine = ids.map((id, at) => (at === (row + 1) % 4 ? strangers[0]! : id))
        assert.ok(isSignature(await ask(net, row, coded.placement(mine, chainId))))
        const told = strangers.map((id, at) => (at === row ? ids[row]! : id))
        assert.equal(await put(net, row, signedBy(coded.placement(told, chainId, top), secrets)), 204)
        assert.equal(await ask(net, row, coded.placement(told, chainId, top)), 'version-gap')
      }
      const placed = await place(net)
      assert.equal(placementStage(placed), 'final')
      for (const { holder } of net.holders) assert.deepEqual(holder.placements.find(content.root), [placed])
    })
  })

  test('that a writer hands off to another node, of an open row and of one whose holder is lost', async () => {
    await withNet(6, async (net) => {
      const { env, holders, ids, file } = net
      const earlier = await place(net, [3])
      assert.equal(placementStage(earlier), 'accepted')
      await net.stop(2)
      const nodes = await Promise.all([0, 1, 4, 5].map((index) => holders[index]!.holder.record()))
      const parts = { network: env.network, clock: env.clock, tasks: env.tasks, timeoutMs: 5_000, stallMs: 10_000 }
      const job = { source: toBlobSource(file.bytes), file: file.tree, submission: { startSegment: 0 } }
      const placed = await spreadFile(parts, { ...job, redundancy, nodes }, { earlier })
      assert.equal(placementStage(placed), 'final')
      assert.equal(placed.version, 2)
      assert.deepEqual(placed.holders.slice(0, 2), ids.slice(0, 2))

      // A node that missed it all believes what enough of those that stay have signed, and a holder what it signed itself.
      const next = { ...placed, version: 3, holders: placed.holders.toReversed() }
      assert.equal(await ask(net, 0, next), 'version-gap')
      assert.equal(await ask(net, 0, { ...next, earlier: placed }), 'fragments-missing')
    })
  })

  test('a writer that lists others follows what holders go by, and gives their rows back to them', async () => {
    await withNet(5, async (net) => {
      const { env, holders, file } = net
      const first = await place(net)
      const nodes = await Promise.all(holders.map(({ holder }) => holder.record()))
      // As this writer sees it one holder is silent at first, so that it gives the row to another.
      let silent = 1
      let given = 0
      const fetchBut: typeof env.network.fetch = (url, options) => {
        if (url.startsWith(holders[4]!.url) && options?.method === 'POST') given++
        if (!url.startsWith(holders[1]!.url) || silent-- <= 0) return env.network.fetch(url, options)
        return Promise.reject(new NetworkError({ url, reason: 'ECONNRESET' }))
      }
      const parts = {
        network: { ...env.network, fetch: fetchBut },
        clock: env.clock,
        tasks: env.tasks,
        timeoutMs: 5_000,
      }
      const job = { source: toBlobSource(file.bytes), file: file.tree, submission: { startSegment: 0 } }
      const wish = { ...job, redundancy, nodes }
      const placed = await spreadFile({ ...parts, stallMs: 10_000 }, wish, { earlier: first })
      assert.deepEqual(placed, first)
      assert.ok(given > 0)
    })
  })
})
