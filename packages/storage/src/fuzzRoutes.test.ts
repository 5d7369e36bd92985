/**
 * The binary routes and records of holders, nodes and indexers under damaged, foreign, oversized and endless bodies: each is
 * refused by name, none is stored, nothing throws, and what was there before is served as it was.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { damaged, damagedJson, fuzzRuns, oddJson } from '@weightless/codec/testing/fuzz'
import { ed25519PublicKey, segmentBytes } from '@weightless/crypto'
import fc from 'fast-check'
import { startHolder } from './holder/startHolder.ts'
import { startStorage } from './startStorage.ts'
import { codeFile } from './testing/codedFile.ts'
import { createScriptedFlow } from './testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, rpc, until, withEnv } from './testing/storageClient.ts'
import { createWatchedLog, type WatchedLog } from './testing/watchedLog.ts'
import {
  decodeSegmentFrame,
  encodeSegmentFrame,
  type NodeRecord,
  type SignedPlacement,
  segmentFrameBytesMax,
  signPlacement,
} from './wire/index.ts'

const secretKey = new Uint8Array(32).fill(8)
const nodeId = bytesToHex(ed25519PublicKey(secretKey))
const keys = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2), secretKey]
const base = { flowAddress, chainId, port: 0 }
const file = openFile(makeFile(2 * segmentBytes + 777))
const fresh = openFile(makeFile(3_000))
const redundancy = { dataRows: 2, parityRows: 1 }
const coded = codeFile(file.bytes, file.tree, redundancy)
const unsent = codeFile(fresh.bytes, fresh.tree, redundancy)

type Net = { node: string; holder: string; log: WatchedLog; record: NodeRecord; placement: SignedPlacement }

async function withNet(run: (net: Net) => Promise<void>): Promise<void> {
  await withEnv(async ({ env, keep }) => {
    const log = createWatchedLog()
    const source = createScriptedFlow()
    const watched = { ...env, log }
    const storage = await keep(startStorage({ ...base, env: watched, disk: env.disk.folder('node'), source }))
    const place = { disk: env.disk.folder('holder'), secretKey, shard: null, indexerUrls: [], takenMs: 600_000 }
    const { url, holder } = await keep(startHolder({ ...base, ...place, env: watched, source, submissionWaitMs: 0 }))
    for (const { tree } of [file, fresh]) source.submit(tree)
    await until('seen', async () => (await rpc(storage.url, 'zgs_getFileInfoByTxSeq', 1)).result !== null)
    await until('seen', () => holder.flow.count() === 2)
    for (const index of [0, 1, 2]) await rpc(storage.url, 'zgs_uploadSegmentByTxSeq', file.segment(index), 0)
    assert.equal((await send(`${url}/fragments/${file.root}`, 'POST', coded.body(2))).status, 200)
    const placement = coded.placement(keys.map((key) => bytesToHex(ed25519PublicKey(key))) as Hex[], chainId)
    const signed = { ...placement, signatures: keys.map((key) => signPlacement(placement, key)) }
    await run({ node: storage.url, holder: url, log, record: await holder.record(), placement: signed })
    assert.deepEqual(log.unforeseen, [])
    const whole = await fetch(`${storage.url}/file/${file.root}`)
    assert.ok(Buffer.from(await whole.arrayBuffer()).equals(file.bytes))
    const row = await fetch(`${url}/fragments/${file.root}?sizeBytes=${file.bytes.length}&row=2&from=0&to=9`)
    assert.ok(Buffer.from(await row.arrayBuffer()).equals(coded.body(2)))
    assert.equal(holder.fragments.files(10).length, 1)
  })
}

async function send(
  url: string,
  method: string,
  body?: Uint8Array | string,
): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { method, ...(body === undefined ? {} : { body: body as BodyInit }) })
  return { status: response.status, text: await response.text() }
}

/** A refusal says what is wrong by a code. */
function checkRefused({ status, text }: { status: number; text: string }, what: string): void {
  assert.ok(status >= 400 && status < 500, `${what}: ${status} ${text.slice(0, 200)}`)
  const { code } = JSON.parse(text) as { code: unknown }
  assert.ok(typeof code === 'string' || typeof code === 'number', `${what}: ${text.slice(0, 200)}`)
}

test('damaged fragments and segments are refused, and none is stored', async () => {
  await withNet(async ({ node, holder }) => {
    const bodies = fc.oneof(
      ...[0, 1, 2].map((row) => damaged(unsent.body(row))),
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      fc.constantFrom(coded.body(2), coded.body(0)),
    )
    const isWhole = (bytes: Uint8Array) => [0, 1, 2].some((row) => Buffer.from(unsent.body(row)).equals(bytes))
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        if (body.length === 0 || isWhole(body)) return
        checkRefused(await send(`${holder}/fragments/${fresh.root}`, 'POST', body), 'fragments')
      }),
      fuzzRuns(300),
    )
    const { index, data, proof, fileSize } = fresh.segment(0)
    const frame = encodeSegmentFrame({
      ...{ index, sizeBytes: fileSize, data: Buffer.from(data, 'base64') },
      proof: { path: proof.path, lemma: proof.lemma.map((hash) => Buffer.from(hash.slice(2), 'hex')) },
    })
    await fc.assert(
      fc.asyncProperty(fc.oneof(damaged(frame), fc.uint8Array({ maxLength: 400 })), async (body) => {
        if (Buffer.from(frame).equals(body)) return
        checkRefused(await send(`${node}/segment/${fresh.root}/0?txSeq=1`, 'PUT', body), 'segment')
      }),
      fuzzRuns(200),
    )
    assert.equal((await send(`${node}/segment/${fresh.root}/0`, 'GET')).status, 404)
    assert.equal((await send(`${node}/segment/${fresh.root}/0?txSeq=1`, 'PUT', frame)).status, 204)
    const stored = new Uint8Array(await (await fetch(`${node}/segment/${fresh.root}/0`)).arrayBuffer())
    assert.equal(decodeSegmentFrame(stored).ok, true)
  })
})

test('damaged records and placements are refused by every route that takes them', async () => {
  await withNet(async ({ node, holder, record, placement }) => {
    // From here on nothing else is signed: no other version, no other holders.
    const put = await send(`${holder}/placement/${file.root}`, 'PUT', JSON.stringify(placement))
    assert.equal(put.status, 204)
    const proposal = { ...placement, lastCommitment: coded.lastCommitment, earlier: placement, signatures: undefined }
    const routes: [url: string, method: string, truth: unknown][] = [
      [`${holder}/placement`, 'POST', JSON.parse(JSON.stringify(proposal))],
      [`${holder}/placement/${file.root}`, 'PUT', placement],
      [`${holder}/repair`, 'POST', { placement, row: 2 }],
      [`${node}/placement/${file.root}`, 'PUT', placement],
      [`${node}/nodes/${nodeId}`, 'PUT', record],
    ]
    const cases = fc.oneof(
      ...routes.map(([url, method, truth]) =>
        fc
          .oneof(
            { weight: 3, arbitrary: damagedJson(truth).map((json) => JSON.stringify(json) ?? '') },
            { weight: 1, arbitrary: damaged(textToBytes(JSON.stringify(truth))) },
            { weight: 1, arbitrary: oddJson.map((json) => JSON.stringify(json)) },
          )
          .map((body) => ({ url, method, truth, body })),
      ),
    )
    await fc.assert(
      fc.asyncProperty(cases, async ({ url, method, truth, body }) => {
        if (isSame(body, truth)) return
        const answer = await send(url, method, body)
        // Names that no record has are not looked at, and a signature that is missing is not there yet: both may pass.
        if (answer.status >= 300) checkRefused(answer, url)
        else assert.ok(isHarmless(body, truth), `${url} took ${Buffer.from(body).toString().slice(0, 500)}`)
      }),
      fuzzRuns(600),
    )
  })
})

const readJson = (body: string | Uint8Array): unknown => {
  try {
    return JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body))
  } catch {
    return undefined
  }
}

const isSame = (body: string | Uint8Array, truth: unknown): boolean =>
  JSON.stringify(readJson(body)) === JSON.stringify(truth)

/** Whether everything that must be true is as it was. */
function isHarmless(body: string | Uint8Array, truth: unknown): boolean {
  const json = readJson(body) as { [name: string]: unknown } | undefined
  if (typeof json !== 'object' || json === null) return false
  const free = ['signatures', 'lastCommitment', 'earlier']
  return Object.entries(truth as object).every(
    ([name, value]) => free.includes(name) || JSON.stringify(json[name]) === JSON.stringify(value),
  )
}

test('addresses and numbers of any form are answered by name', async () => {
  await withNet(async ({ node, holder }) => {
    const number = fc.oneof(oddJson.filter((value) => typeof value !== 'object').map(String), fc.nat().map(String))
    const part = fc.oneof(
      fc.constantFrom('..', '.', '', '%2e%2e%2f', '%00', '%', '%zz', file.root, fresh.root, nodeId, '0', '1', 'held'),
      number.map((text) => text.slice(0, 3_000)).map(encodeURIComponent),
    )
    const first = fc.constantFrom('file', 'file/info', 'files/info', 'segment', 'fragments', 'placement', 'placements')
    const others = fc.constantFrom('nodes', 'locate', 'node/record', 'node/status', 'repair', 'file/segment')
    const names = ['sizeBytes', 'row', 'from', 'to', 'stripe', 'after', 'cid', 'root', 'txSeq', 'name']
    const query = fc.array(fc.tuple(fc.constantFrom(...names), part), { maxLength: 5 })
    const paths = fc
      .tuple(fc.oneof(first, others), fc.array(part, { maxLength: 3 }), query)
      .map(([head, rest, pairs]) => `/${[head, ...rest].join('/')}?${pairs.map((pair) => pair.join('=')).join('&')}`)
    const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE')
    await fc.assert(
      fc.asyncProperty(paths, method, fc.constantFrom(node, holder), async (path, verb, origin) => {
        const hasBody = verb === 'POST' || verb === 'PUT'
        const { status } = await send(origin + path, verb, hasBody ? '{}' : undefined)
        assert.ok(status < 500, `${verb} ${path}: ${status}`)
      }),
      fuzzRuns(600),
    )
  })
})

test('bodies beyond their bound, stated or endless, are cut off before they are read', async () => {
  await withNet(async ({ node, holder }) => {
    const bounds: [url: string, method: string, bytesMax: number][] = [
      [`${node}/segment/${file.root}/0`, 'PUT', segmentFrameBytesMax],
      [`${node}/nodes/${nodeId}`, 'PUT', 8 * 1024],
      [`${node}/placement/${file.root}`, 'PUT', 128 * 1024],
      [`${node}/file/segment`, 'POST', 1024 * 1024],
      [`${holder}/placement`, 'POST', 256 * 1024],
      [`${holder}/placement/${file.root}`, 'PUT', 256 * 1024],
      [`${holder}/repair`, 'POST', 256 * 1024],
      [`${holder}/fragments/${file.root}`, 'POST', 0],
    ]
    for (const [url, method, bytesMax] of bounds) {
      const sent = await sendEndlessly(url, method)
      // What sockets hold on their way, on both ends, comes on top.
      assert.ok(sent < bytesMax + 8 * 1024 * 1024, `${url} read ${sent} bytes`)
    }
  })
})

/** Sends zeros until the other end has had enough; the bytes that went. */
async function sendEndlessly(url: string, method: string): Promise<number> {
  let sent = 0
  const piece = new Uint8Array(65_536)
  const body = new ReadableStream({
    pull(controller) {
      sent += piece.length
      if (sent > 64 * 1024 * 1024) controller.close()
      else controller.enqueue(piece)
    },
  })
  const options = { method, body, duplex: 'half' } as RequestInit
  const answer = await fetch(url, options).catch(() => undefined)
  if (answer) {
    assert.ok(answer.status >= 400 && answer.status < 500, `${url}: ${answer.status}`)
    await answer.text().catch(() => undefined)
  }
  return sent
}
