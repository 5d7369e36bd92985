/** A chain and an indexer on loopback in one process: prints their URLs as JSON, ends when its standard input closes. */
import { openChain } from '@weightless/chain'
import { addresses, genesis } from '@weightless/contracts'
import { createNodeEnv } from '@weightless/env/node'
import { startIndexer } from '@weightless/storage'

const chainId = 31337
const [dataFolder] = process.argv.slice(2)
const env = createNodeEnv({ dataFolder: dataFolder!, log: 'text', logLevel: 'warn' })
const chain = await openChain({ env, folder: 'chain', chainId, genesis })
const { url: rpcUrl } = await chain.serve({ port: 0 })
const disk = env.disk.folder('indexer')
const indexer = await startIndexer({ env, disk, chainId, flowAddress: addresses.flow, nodeUrls: [], port: 0 })
console.log(JSON.stringify({ rpcUrl, indexerUrl: indexer.url }))

process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
