/** The indexer's registry over real HTTP: who may announce what, which placements are kept, and that they outlive it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesToHex, type Hex } from '@weightless/codec'
import { ed25519PublicKey } from '@weightless/crypto'
import { startIndexer } from '../index.ts'
import { chainId, flowAddress, withEnv } from '../testing/storageClient.ts'
import { type NodeRecord, type Placement, type SignedPlacement, signNodeRecord, signPlacement } from '../wire/index.ts'

const flow = flowAddress.toLowerCase() as Hex
const root: Hex = `0x${'ab'.repeat(32)}`
const keyOf = (index: number) => new Uint8Array(32).fill(index + 1)
const idOf = (index: number) => bytesToHex(ed25519PublicKey(keyOf(index)))

function recordOf(index: number, change: Partial<NodeRecord> = {}): NodeRecord {
  const shard = index < 4 ? { numShard: 4, shardId: index } : null
  const url = `http://127.0.0.1:${6000 + index}`
  const fields = { url, shard, addresses: [], chainId, flowAddress: flow, freeBytes: 1e9, signedMs: Date.now() }
  return signNodeRecord({ ...fields, ...change }, keyOf(index))
}

type Change = Partial<Placement> & { nodes?: readonly number[]; unsigned?: readonly number[] }

function placementOf({ nodes = [0, 1, 2, 3, 4, 5], unsigned = [], ...change }: Change = {}): SignedPlacement {
  const shape = { dataRows: 4, parityRows: 2, codingRoot: `0x${'cd'.repeat(32)}` as Hex, version: 1 }
  const placement = { chainId, root, sizeBytes: 1_000_000, ...shape, holders: nodes.map(idOf), ...change }
  const sign = (index: number) => (unsigned.includes(index) ? null : signPlacement(placement, keyOf(index)))
  return { ...placement, signatures: nodes.map(sign) }
}

const send = (url: string, body: unknown) =>
  fetch(url, { method: 'PUT', body: typeof body === 'string' ? body : JSON.stringify(body) })

async function refusal(answer: Promise<Response>): Promise<string> {
  const response = await answer
  assert.equal(response.status, 409)
  return ((await response.json()) as { code: string }).code
}

describe('the registry of nodes and placements', () => {
  test('nodes announce themselves; what is forged, stale, foreign or misnamed is refused', async () => {
    await withEnv(async ({ env, keep }) => {
      const { url } = await keep(startIndexer({ env, port: 0, nodeUrls: [], chainId, flowAddress }))
      const put = (record: NodeRecord, nodeId = record.nodeId) => send(`${url}/nodes/${nodeId}`, record)
      const forged = { ...recordOf(0), url: 'http://127.0.0.1:1' }
      assert.equal(await refusal(put(forged)), 'record-signature-wrong')
      assert.equal(await refusal(put(recordOf(0), idOf(1))), 'record-misnamed')
      assert.equal(await refusal(put(recordOf(0, { signedMs: Date.now() - 60_000 }))), 'record-stale')
      assert.equal(await refusal(put(recordOf(0, { signedMs: Date.now() + 60_000 }))), 'record-stale')
      assert.equal(await refusal(put(recordOf(0, { chainId: 1 }))), 'record-network-wrong')
      assert.equal(await refusal(put(recordOf(0, { url: 'file:///etc/passwd' }))), 'record-malformed')
      assert.equal(await refusal(send(`${url}/nodes/${idOf(0)}`, '{')), 'record-misnamed')
      assert.equal((await send(`${url}/nodes/x`, {})).status, 400)
      assert.equal((await send(`${url}/nodes/${idOf(0)}`, 'x'.repeat(9_000))).status, 413)
      assert.deepEqual(await (await fetch(`${url}/nodes`)).json(), [])
      const newer = recordOf(0)
      assert.equal((await put(newer)).status, 204)
      assert.equal((await put(recordOf(0, { signedMs: newer.signedMs - 1_000 }))).status, 204)
      assert.deepEqual(await (await fetch(`${url}/nodes`)).json(), [newer])
    })
  })

  test('a placement is kept when its nodes are known, replaced only by most of its holders, and outlives a restart', async () => {
    await withEnv(async ({ env, openAgain, keep }) => {
      const options = { port: 0, nodeUrls: [], chainId, flowAddress }
      const first = await keep(startIndexer({ ...options, env }))
      const put = (placement: unknown) => send(`${first.url}/placement/${root}`, placement)
      assert.equal(await refusal(put(placementOf())), 'holders-unknown')
      for (let i = 0; i < 12; i++) await send(`${first.url}/nodes/${idOf(i)}`, recordOf(i))
      assert.equal(await refusal(put(placementOf({ unsigned: [4, 5] }))), 'placement-open')
      assert.equal(await refusal(put({ ...placementOf(), sizeBytes: 5 })), 'placement-signature-wrong')
      assert.equal(await refusal(put(placementOf({ chainId: 5 }))), 'placement-network-wrong')
      assert.equal(await refusal(put('[]')), 'placement-malformed')
      assert.equal(
        await refusal(send(`${first.url}/placement/0x${'00'.repeat(32)}`, placementOf())),
        'placement-misnamed',
      )
      assert.equal((await put(placementOf({ unsigned: [5] }))).status, 204)
      assert.equal((await put(placementOf({ unsigned: [0] }))).status, 204)
      const located = (await (await fetch(`${first.url}/locate/${root}`)).json()) as {
        placements: SignedPlacement[]
        nodes: NodeRecord[]
      }
      assert.deepEqual(located.placements, [placementOf()])
      assert.deepEqual(
        located.nodes.map(({ nodeId }) => nodeId),
        [0, 1, 2, 3, 4, 5].map(idOf),
      )
      assert.equal(await refusal(put(placementOf({ nodes: [6, 7, 8, 9, 10, 11], version: 2 }))), 'holders-replaced')
      // Of one version the final one stays.
      assert.equal(await refusal(put(placementOf({ nodes: [0, 1, 2, 3, 4, 6], unsigned: [6] }))), 'version-old')
      // Naming the holders is not enough: they must have signed.
      const named = placementOf({ nodes: [0, 1, 2, 3, 6, 7, 8, 9, 10, 11], unsigned: [0], version: 9, parityRows: 6 })
      assert.equal(await refusal(put(named)), 'holders-replaced')
      const repaired = placementOf({ nodes: [0, 1, 2, 3, 6, 7], version: 2 })
      assert.equal((await put(repaired)).status, 204)
      await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          put(placementOf({ sizeBytes: 1_000_001 + i })).then(({ status }) => status),
        ),
      )
      await first.close()
      const again = await keep(startIndexer({ ...options, env: openAgain() }))
      const kept = (await (await fetch(`${again.url}/placement/${root}`)).json()) as SignedPlacement[]
      assert.equal(kept.length, 8)
      assert.deepEqual(kept[0], repaired)
    })
  })
})
