// The devnet's key-value node; where it has none, one from the repository on a port of its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

export async function findKeyValueNode(devnet) {
  const url = devnet.kv?.url ?? devnet.storage.kvUrl
  if (url) return { url, close: async () => undefined }
  const root = process.env.WEIGHTLESS_ROOT ?? join(import.meta.dirname, '../..')
  const load = (path) => import(pathToFileURL(join(root, path)).href)
  const [{ createNodeEnv }, { startKeyValueNode }] = await Promise.all([
    load('packages/env/src/node/index.ts'),
    load('packages/kv/src/index.ts'),
  ])
  const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-peer-kv-'))
  const env = createNodeEnv({ dataFolder, log: 'silent' })
  const { rpcUrl, chainId } = devnet.chain
  const node = await startKeyValueNode({
    env,
    port: 0,
    rpcUrl,
    chainId,
    indexerUrl: devnet.storage.indexerUrl,
    flowAddress: devnet.contracts.flow,
  })
  return {
    url: node.url,
    async close() {
      await node.close()
      await env.close()
      rmSync(dataFolder, { recursive: true, force: true })
    },
  }
}
