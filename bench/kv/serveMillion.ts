/**
 * `load`: writes a million keys into a node's folder, as 20 transactions, and ends. `serve`: that node again in a process of
 * its own, and beside it a server that answers any request at once with as many bytes; prints their addresses, and ends when
 * its standard input closes.
 */
import { textToBytes } from '@weightless/codec'
import { readBody } from '@weightless/env'
import { createNodeEnv } from '@weightless/env/node'
import { startKeyValueNode } from '@weightless/kv'
import { createScriptedLog, submitTransaction } from '@weightless/kv/testing/scriptedLog'
import { keyName, keysTotal, profileOf, streamName } from './keys.ts'

const [mode, dataFolder] = process.argv.slice(2) as ['load' | 'serve', string]
const transactions = 20
const env = createNodeEnv({ dataFolder, log: 'text', logLevel: 'warn' })
const log = createScriptedLog()
// The same blocks as when it was loaded; what stood in them is decided and never asked for again.
if (mode === 'serve') {
  for (let at = 0; at < transactions; at++) log.submit(new Uint8Array([at]), { sender: streamName })
}
const network = { indexerUrl: '', flowAddress: streamName, chainId: 31337, source: log, content: log } as const
const node = await startKeyValueNode({ env, port: 0, ...network })
if (mode === 'load') await load()
else await serve()

async function load(): Promise<void> {
  const perTransaction = keysTotal / transactions
  for (let from = 0; from < keysTotal; from += perTransaction) {
    const writes = Array.from({ length: perTransaction }, (_, i) => ({
      streamId: new Uint8Array(Buffer.from(streamName.slice(2), 'hex')),
      key: textToBytes(keyName(from + i)),
      value: textToBytes(profileOf(from + i)),
    }))
    const seq = submitTransaction(log, `0x${'a'.repeat(40)}`, { writes })
    while (node.replica().result(seq) === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
    if (node.replica().result(seq) !== 'Commit') throw new Error(`${node.replica().result(seq)}`)
  }
  await node.close()
  await env.close()
  process.exit(0)
}

async function serve(): Promise<void> {
  const answer = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { version: 19, data: 'x'.repeat(88), size: 64 } })
  const atOnce = await env.network.serve({
    port: 0,
    handler: async (request) => {
      await readBody(request.body)
      return { status: 200, headers: { 'content-type': 'application/json' }, body: answer }
    },
  })
  const { diskBytes } = node.replica().sizes()
  console.log(JSON.stringify({ url: node.url, atOnceUrl: atOnce.url, diskBytes }))
  process.stdin.on('data', () => console.log(JSON.stringify({ residentBytes: process.memoryUsage().rss })))
  process.stdin.on('end', async () => {
    await atOnce.close()
    await node.close()
    await env.close()
    process.exit(0)
  })
}
