/**
 * A chain and storage nodes on loopback in this process, for benches and for recording: prints one line of JSON with the
 * URLs when they are open, and ends when its standard input closes.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openChain } from '@weightless/chain'
import { addresses, genesis } from '@weightless/contracts'
import { createNodeEnv } from '@weightless/env/node'
import { startStorage, startStorageNode } from '@weightless/storage'

const chainId = 31337
const furtherNodes = Number(process.argv[2] ?? 0)
const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-bench-'))
const env = createNodeEnv({ dataFolder, log: 'text', logLevel: 'warn' })
const chain = await openChain({ env, folder: 'chain', chainId, genesis })
const { url: rpcUrl } = await chain.serve({ port: 0 })
const shared = { env, rpcUrl, flowAddress: addresses.flow, chainId, port: 0 }
const further = []
const peerUrls: string[] = []
for (let i = 0; i < furtherNodes; i++) {
  further.push(await startStorageNode({ ...shared, disk: env.disk.folder(`node${i + 1}`), peerUrls }))
}
const furtherNodeUrls = further.map(({ url }) => url)
const storage = await startStorage({
  ...shared,
  disk: env.disk.folder('node0'),
  furtherNodeUrls,
  peerUrls: furtherNodeUrls,
})
peerUrls.push(storage.url)
console.log(JSON.stringify({ rpcUrl, indexerUrl: storage.url, nodeUrls: [storage.url, ...furtherNodeUrls], chainId }))

process.stdin.resume()
process.stdin.on('end', async () => {
  for (const service of [storage, ...further]) await service.close()
  await chain.close()
  await env.close()
  rmSync(dataFolder, { recursive: true, force: true })
  process.exit(0)
})
