/**
 * JSON-RPC of a storage node, its indexer and a holder under anything that JSON can say, and what JSON cannot: every request
 * has a typed answer, nothing throws inside, and what was stored before is there afterwards.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import { damaged, damagedJson, fuzzRuns, oddJson } from '@weightless/codec/testing/fuzz'
import { segmentBytes } from '@weightless/crypto'
import fc from 'fast-check'
import { startHolder } from './holder/startHolder.ts'
import { startStorage } from './startStorage.ts'
import { createScriptedFlow } from './testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, rpc, until, withEnv } from './testing/storageClient.ts'
import { createWatchedLog } from './testing/watchedLog.ts'

const file = openFile(makeFile(2 * segmentBytes + 777))
const later = openFile(makeFile(5_000))
const base = { flowAddress, chainId, port: 0 }
const indexerMethods = ['ShardedNodes', 'SelectedNodes', 'NodeLocations', 'FileLocations'].map((n) => `indexer_get${n}`)

/** Parameters that mean something, and those that do not, in any number. */
const params = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: oddJson },
    { weight: 2, arbitrary: fc.constantFrom<unknown>(file.root, later.root, 0, 1, '0', 1024, 2048, null) },
    { weight: 1, arbitrary: damagedJson(file.segment(1)) },
    { weight: 1, arbitrary: damagedJson([later.segment(0)]) },
  ),
  { maxLength: 4 },
)

async function post(url: string, body: string | Uint8Array): Promise<{ status: number; text: string }> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', body: body as BodyInit, headers })
  return { status: response.status, text: await response.text() }
}

/** One answer, or one for each request of a batch. */
function checkAnswers(text: string): void {
  const json = JSON.parse(text) as unknown
  for (const answer of Array.isArray(json) ? json : [json]) {
    const { jsonrpc, error } = answer as { jsonrpc: unknown; error?: { code: unknown; message: unknown } }
    assert.equal(jsonrpc, '2.0')
    if (error === undefined) assert.ok('result' in answer)
    else assert.ok(Number.isInteger(error.code) && typeof error.message === 'string' && text.length < 2_000, text)
  }
}

test('whatever a request says it has a typed answer, and nothing is lost by it', async () => {
  await withEnv(async ({ env, keep }) => {
    const log = createWatchedLog()
    const source = createScriptedFlow()
    const watched = { ...env, log }
    const storage = await keep(startStorage({ ...base, env: watched, disk: env.disk.folder('node'), source }))
    const secretKey = new Uint8Array(32).fill(3)
    const place = { disk: env.disk.folder('holder'), secretKey, shard: { numShard: 2, shardId: 0 }, indexerUrls: [] }
    const holder = await keep(startHolder({ ...base, ...place, env: watched, source, submissionWaitMs: 0 }))
    for (const { tree } of [file, later]) source.submit(tree)
    await until('seen', async () => (await rpc(storage.url, 'zgs_getFileInfoByTxSeq', 1)).result !== null)
    for (const index of [0, 1, 2]) {
      assert.equal((await rpc(storage.url, 'zgs_uploadSegmentByTxSeq', file.segment(index), 0)).error, undefined)
    }
    const names = [...Object.keys(storage.node!.methods), ...indexerMethods]
    for (const prefix of ['zgs_', 'admin_', 'indexer_']) {
      assert.ok(names.filter((name) => name.startsWith(prefix)).length > 3, prefix)
    }
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), params, fc.boolean(), async (method, list, isHolder) => {
        const url = isHolder ? holder.url : storage.url
        const { status, text } = await post(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: list }))
        assert.equal(status, 200)
        checkAnswers(text)
        assert.deepEqual(log.unforeseen, [])
      }),
      fuzzRuns(900),
    )
    await fuzzBodies(storage.url)
    assert.deepEqual(log.unforeseen, [])
    const whole = await fetch(`${storage.url}/file/${file.root}`)
    assert.ok(Buffer.from(await whole.arrayBuffer()).equals(file.bytes))
  })
})

/** Bodies that are no request, or no JSON. */
async function fuzzBodies(url: string): Promise<void> {
  const call = { jsonrpc: '2.0', id: 7, method: 'zgs_getFileInfo', params: [file.root, true] }
  const bodies = fc.oneof(
    damaged(textToBytes(JSON.stringify(call))),
    damagedJson(call).map((json) => JSON.stringify(json) ?? ''),
    damagedJson([call, call]).map((json) => JSON.stringify(json) ?? ''),
    fc.uint8Array({ maxLength: 300 }),
    oddJson.map((json) => JSON.stringify(json)),
    fc.nat(100_000).map((depth) => '['.repeat(depth)),
    fc.constantFrom('[]', '[1]', '{"id":{}}', `[${'{},'.repeat(200)}{}]`, '\ud800'),
  )
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      const { status, text } = await post(url, body)
      assert.equal(status, 200)
      checkAnswers(text)
    }),
    fuzzRuns(300),
  )
}
