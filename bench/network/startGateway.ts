/** A gateway for whole files with its indexer in one process: prints its URL as JSON, ends when its standard input closes. */
import { addresses } from '@weightless/contracts'
import { createNodeEnv } from '@weightless/env/node'
import { startStorage } from '@weightless/storage'

const [dataFolder, rpcUrl] = process.argv.slice(2)
const env = createNodeEnv({ dataFolder: dataFolder!, log: 'text', logLevel: 'warn' })
const gateway = await startStorage({
  ...{ env, rpcUrl: rpcUrl!, flowAddress: addresses.flow, chainId: 31337, port: 0 },
  coded: { nodesExpected: 6 },
})
console.log(JSON.stringify({ indexerUrl: gateway.url }))

process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
