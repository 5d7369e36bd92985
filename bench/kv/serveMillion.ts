/**
 * Two servers in one process: a key-value node with a million keys on its disk, and one that answers any request at once with
 * an answer of the same length. Prints their addresses when the keys are in; ends when its standard input closes.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { textToBytes } from '@weightless/codec'
import { readBody } from '@weightless/env'
import { createNodeEnv } from '@weightless/env/node'
import { startKeyValueNode } from '@weightless/kv'
import { createScriptedLog, submitTransaction } from '@weightless/kv/testing/scriptedLog'
import { keyName, keysTotal, profileOf, streamName } from './keys.ts'

const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-bench-kv-'))
const env = createNodeEnv({ dataFolder, log: 'text', logLevel: 'warn' })
const log = createScriptedLog()
const network = { indexerUrl: '', flowAddress: streamName, chainId: 31337, source: log, content: log } as const
const node = await startKeyValueNode({ env, port: 0, ...network })
const startedMs = performance.now()
const perTransaction = 50_000
let last = 0
for (let from = 0; from < keysTotal; from += perTransaction) {
  const writes = Array.from({ length: perTransaction }, (_, i) => ({
    streamId: new Uint8Array(Buffer.from(streamName.slice(2), 'hex')),
    key: textToBytes(keyName(from + i)),
    value: textToBytes(profileOf(from + i)),
  }))
  last = submitTransaction(log, `0x${'a'.repeat(40)}`, { writes })
  while (node.replica().result(last) === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
}
const loadSeconds = (performance.now() - startedMs) / 1000
const answer = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { version: 19, data: 'x'.repeat(88), size: 64 } })
const atOnce = await env.network.serve({
  port: 0,
  handler: async (request) => {
    await readBody(request.body)
    return { status: 200, headers: { 'content-type': 'application/json' }, body: answer }
  },
})
const { diskBytes } = node.replica().sizes()
const facts = { loadSeconds, diskBytes, residentBytes: process.memoryUsage().rss }
console.log(JSON.stringify({ url: node.url, atOnceUrl: atOnce.url, result: node.replica().result(last), ...facts }))

process.stdin.resume()
process.stdin.on('end', async () => {
  await atOnce.close()
  await node.close()
  await env.close()
  rmSync(dataFolder, { recursive: true, force: true })
  process.exit(0)
})
