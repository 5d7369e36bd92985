/** Holders over real HTTP and a real disk: what they take, refuse, serve, sign, and still have after a restart. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesToHex, type Hex } from '@weightless/codec'
import { encodeStripe } from '@weightless/coder'
import { ed25519PublicKey } from '@weightless/crypto'
import { codeFile, toBody } from '../testing/codedFile.ts'
import { createScriptedFlow } from '../testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, until, withEnv } from '../testing/storageClient.ts'
import { decodeFragmentFrame, readNodeRecord, readPlacement, signPlacement } from '../wire/index.ts'
import { startHolder } from './startHolder.ts'

const secretKey = new Uint8Array(32).fill(7)
const nodeId = bytesToHex(ed25519PublicKey(secretKey))
const redundancy = { dataRows: 4, parityRows: 2 }
const others = [1, 2, 3, 4, 5].map((i): Hex => `0x${String(i).repeat(64)}`)
const base = { flowAddress, chainId, port: 0, secretKey, shard: null, indexerUrls: [], submissionWaitMs: 300 }
/** Three stripes, the last of them with one short segment. */
const file = openFile(makeFile(8 * 262_144 + 70_000))
const coded = codeFile(file.bytes, file.tree, redundancy)

const post = (url: string, body: Uint8Array | string, path = `/fragments/${file.root}`) =>
  fetch(url + path, { method: 'POST', body: body as BodyInit })
const codeOf = async (response: Response): Promise<string> => ((await response.json()) as { code: string }).code

describe('a holder', () => {
  test('takes its row, serves it as it came, signs when it is whole, and has all of it after a restart', async () => {
    await withEnv(async ({ env, openAgain, keep }) => {
      const source = createScriptedFlow()
      const first = await keep(startHolder({ ...base, env, source }))
      assert.equal(await codeOf(await post(first.url, coded.body(5, 0, 1))), 'submission-unknown')
      source.submit(file.tree)
      const placement = coded.placement([...others, nodeId], chainId)
      const proposal = { ...placement, lastCommitment: coded.lastCommitment }
      assert.deepEqual(await (await post(first.url, coded.body(5, 0, 2))).json(), { stored: 2 })
      const missing = await post(first.url, JSON.stringify(proposal), '/placement')
      assert.equal(await codeOf(missing), 'fragments-missing')
      assert.deepEqual(await (await post(first.url, coded.body(5))).json(), { stored: 3 })
      await first.close()

      const again = await keep(startHolder({ ...base, env: openAgain(), source }))
      await until('seen', () => again.holder.flow.count() === 1)
      const held = await fetch(`${again.url}/fragments/${file.root}/held?sizeBytes=${file.bytes.length}`)
      assert.deepEqual(await held.json(), { rows: [{ row: 5, stripes: 3, ranges: [[0, 3]] }] })
      const row = await fetch(`${again.url}/fragments/${file.root}?sizeBytes=${file.bytes.length}&row=5&from=1&to=9`)
      assert.deepEqual(new Uint8Array(await row.arrayBuffer()), new Uint8Array(coded.body(5, 1)))
      const wrong = { ...proposal, codingRoot: `0x${'99'.repeat(32)}` }
      assert.equal(await codeOf(await post(again.url, JSON.stringify(wrong), '/placement')), 'coding-root-wrong')
      const answer = await post(again.url, JSON.stringify(proposal), '/placement')
      const { signature, row: own } = (await answer.json()) as { signature: Hex; row: number }
      assert.equal(own, 5)
      const signatures = [null, null, null, null, null, signature]
      assert.equal(readPlacement({ ...placement, signatures }).ok, true)
      const other = { ...proposal, holders: [...others.toReversed(), nodeId] }
      // A signature alone fixes nothing.
      assert.equal((await post(again.url, JSON.stringify(other), '/placement')).status, 200)
      const ahead = { ...proposal, version: 2 }
      assert.equal(await codeOf(await post(again.url, JSON.stringify(ahead), '/placement')), 'version-gap')
      const record = readNodeRecord(await (await fetch(`${again.url}/node/record`)).json())
      assert.ok(record.ok && record.value.nodeId === nodeId && record.value.url === again.url)
    })
  })

  test('refuses each wrong fragment by its own name, parity that a lying encoder made too', async () => {
    await withEnv(async ({ env, keep }) => {
      const source = createScriptedFlow()
      const { url } = await keep(startHolder({ ...base, env, source, takenMs: 60_000 }))
      source.submit(file.tree)
      const parity = coded.fragment(0, 4)!
      const data = coded.fragment(0, 1)!
      const send = (frame: typeof parity) => post(url, toBody([frame]))
      const flip = (bytes: Uint8Array, at = 0) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
      assert.equal(await codeOf(await post(url, new Uint8Array([0, 0, 0, 9, 1, 2]))), 'fragment-malformed')
      assert.equal(await codeOf(await post(url, new Uint8Array([255, 0, 0, 9, 1, 2]))), 'fragment-malformed')
      assert.equal(await codeOf(await send({ ...data, stripe: 3 })), 'fragment-malformed')
      assert.equal(await codeOf(await send({ ...data, segmentProof: undefined })), 'fragment-malformed')
      assert.equal(await codeOf(await send({ ...data, data: flip(data.data) })), 'segment-proof-wrong')
      assert.equal(await codeOf(await send({ ...parity, data: flip(parity.data) })), 'row-path-wrong')
      assert.equal(await codeOf(await send({ ...parity, row: 5 })), 'segment-proof-wrong')
      const { segmentProof } = coded.fragment(0, 5)!
      assert.equal(await codeOf(await send({ ...parity, row: 5, segmentProof })), 'row-path-wrong')
      assert.equal(
        await codeOf(await send({ ...parity, combinations: flip(parity.combinations) })),
        'row-combination-wrong',
      )

      // Structurally perfect: rows, tree and combinations agree with each other, only the parity is not the code's.
      const rows = Array.from({ length: 4 }, (_, row) => coded.fragment(0, row)!.data)
      const lying = encodeStripe(redundancy, [rows[0], rows[1], rows[2], flip(rows[3]!, 77)], parity.rowBytes)
      const lie = {
        ...parity,
        data: lying.parity[0]!,
        rowRoot: lying.header.rowRoot,
        rowPath: lying.rowPath(4),
        combinations: encodeStripe(redundancy, rows, parity.rowBytes).header.combinations,
      }
      assert.equal(await codeOf(await send(lie)), 'row-combination-wrong')
      assert.deepEqual(await (await send(parity)).json(), { stored: 1 })
      assert.equal(await codeOf(await send(data)), 'row-taken')
      const read = await fetch(`${url}/fragments/${file.root}?sizeBytes=${file.bytes.length}&row=4&from=0&to=1`)
      const body = new Uint8Array(await read.arrayBuffer())
      assert.equal(decodeFragmentFrame(body.subarray(4)).ok, true)
    })
  })

  test('lets go of what never came to a placement and of what the chain took back, and gives the room back', async () => {
    await withEnv(async ({ env, keep }) => {
      const source = createScriptedFlow()
      const short = { openTtlMs: 400, takenMs: 0, repair: { checkMs: 50 } }
      const { url, holder } = await keep(startHolder({ ...base, ...short, env, source }))
      const other = openFile(makeFile(5_000))
      const kept = codeFile(other.bytes, other.tree, redundancy)
      source.submit(other.tree)
      source.submit(file.tree)
      assert.equal((await post(url, kept.body(5), `/fragments/${other.root}`)).status, 200)
      const placement = kept.placement([...others, nodeId], chainId)
      const answer = await post(url, JSON.stringify(placement), '/placement')
      const { signature } = (await answer.json()) as { signature: Hex }
      // Four made-up holders do not sign; ours alone makes it ours, but not accepted.
      const alone = { ...placement, signatures: [null, null, null, null, null, signature] }
      const put = await fetch(`${url}/placement/${other.root}`, { method: 'PUT', body: JSON.stringify(alone) })
      assert.equal(await codeOf(put), 'placement-malformed')
      assert.equal((await post(url, coded.body(5))).status, 200)
      const before = holder.fragments.records.sizes().liveBytes
      assert.ok(before > 2 * 262_144)
      await until('released', () => holder.fragments.files(10).length === 0)
      assert.equal(holder.fragments.records.sizes().liveBytes, 0)
      const held = await fetch(`${url}/fragments/${file.root}/held?sizeBytes=${file.bytes.length}`)
      assert.deepEqual(await held.json(), { rows: [] })
    })
  })

  test('a row whose submission the chain takes back goes after the grace, placed or not', async () => {
    await withEnv(async ({ env, keep }) => {
      const source = createScriptedFlow()
      const keys = Array.from({ length: 3 }, (_, i) => new Uint8Array(32).fill(100 + i))
      const two = { dataRows: 2, parityRows: 1 }
      const tiny = openFile(makeFile(900))
      const shape = codeFile(tiny.bytes, tiny.tree, two)
      const short = { openTtlMs: 500, repair: { checkMs: 50 } }
      const { url, holder } = await keep(startHolder({ ...base, ...short, env, source, secretKey: keys[2]! }))
      source.submit(tiny.tree)
      assert.equal((await post(url, shape.body(2), `/fragments/${tiny.root}`)).status, 200)
      const placement = shape.placement(
        keys.map((key) => bytesToHex(ed25519PublicKey(key))),
        chainId,
      )
      const signatures = keys.map((key) => signPlacement(placement, key))
      const body = JSON.stringify({ ...placement, signatures })
      assert.equal((await fetch(`${url}/placement/${tiny.root}`, { method: 'PUT', body })).status, 204)
      await new Promise((resolve) => setTimeout(resolve, 900))
      assert.equal(holder.fragments.files(10).length, 1)
      source.give({ revert: 0 })
      const isGone = () => holder.fragments.files(10).length === 0 && holder.placements.find(tiny.root).length === 0
      await until('released', isGone)
    })
  })
})
