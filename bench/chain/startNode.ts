/** Runs the chain alone in a process of its own, as the devnet does, on a folder given by the caller; prints its URL. */
import { openChain } from '@weightless/chain'
import { createNodeEnv } from '@weightless/env/node'

const [dataFolder, allocText] = process.argv.slice(2)
const env = createNodeEnv({ dataFolder: dataFolder!, log: 'json', logLevel: 'warn' })
const started = performance.now()
const alloc = Object.fromEntries(
  (allocText ?? '')
    .split(',')
    .filter(Boolean)
    .map((address) => [address, { balance: 10n ** 24n }]),
)
const chain = await openChain({ env, folder: 'chain', chainId: 31337, genesis: { alloc } })
const server = await chain.serve({ port: 0 })
console.log(
  JSON.stringify({ url: server.url, openMs: Math.round(performance.now() - started), head: chain.head().number }),
)
process.on('SIGTERM', async () => {
  await chain.close()
  await env.close()
  process.exit(0)
})
