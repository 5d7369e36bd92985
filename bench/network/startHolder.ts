/** One holder in a process of its own: prints its URL as JSON, ends when its standard input closes. */
import { addresses } from '@weightless/contracts'
import { sha256 } from '@weightless/crypto'
import { createNodeEnv } from '@weightless/env/node'
import { startHolder } from '@weightless/storage'

const [dataFolder, index, rpcUrl, indexerUrl] = process.argv.slice(2)
const number = Number(index)
const env = createNodeEnv({ dataFolder: dataFolder!, log: 'text', logLevel: 'warn' })
const holder = await startHolder({
  ...{ env, rpcUrl: rpcUrl!, flowAddress: addresses.flow, chainId: 31337, port: 0 },
  secretKey: sha256(new Uint8Array([number, 1])),
  shard: number % 6 < 4 ? { numShard: 4, shardId: number % 6 } : null,
  indexerUrls: [indexerUrl!],
  announceMs: 1_000,
})
console.log(JSON.stringify({ url: holder.url, nodeId: holder.nodeId }))

process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
