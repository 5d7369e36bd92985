/** Asks every service of the network whether it answers, with the cheapest real question that it understands. */
import type { NetworkConfig } from '@weightless/sdk/networkConfig'

export type ServiceHealth = {
  name: string
  job: string
  url: string
  state: 'up' | 'down'
  /** Round trip of the question. */
  tookMs: number
  detail: string
}

type Probe = { name: string; job: string; url: string; ask: (url: string) => Promise<string> }

const timeoutMs = 4_000

export function listProbes(config: NetworkConfig): Probe[] {
  const { chain, storage, compute } = config
  const nodes = storage.nodeUrls.map((url, i) => ({
    name: `Storage node ${i + 1}`,
    job: 'keeps segments',
    url,
    ask: askStorageNode,
  }))
  const providers = compute.providers.map((each, i) => ({
    name: `Provider ${i + 1}`,
    job: 'runs the model',
    url: each.url,
    ask: askModels,
  }))
  return [
    { name: 'Chain', job: 'orders and settles', url: chain.rpcUrl, ask: askChain },
    { name: 'Indexer', job: 'finds files', url: storage.indexerUrl, ask: askIndexer },
    ...nodes,
    ...(storage.kvUrl
      ? [{ name: 'Key-value', job: 'keeps streams of keys', url: storage.kvUrl, ask: askKeyValue }]
      : []),
    ...(storage.s3Url ? [{ name: 'S3', job: 'speaks S3', url: storage.s3Url, ask: askS3 }] : []),
    { name: 'Gateway', job: 'speaks OpenAI', url: compute.gatewayUrl, ask: (url) => askModels(url, compute.apiKey) },
    ...providers,
  ]
}

export async function checkService(probe: Probe): Promise<ServiceHealth> {
  const startMs = performance.now()
  const { name, job, url } = probe
  try {
    const detail = await probe.ask(url)
    return { name, job, url, state: 'up', tookMs: performance.now() - startMs, detail }
  } catch (error) {
    const detail = error instanceof Error && error.name === 'TimeoutError' ? 'no answer in 4 s' : 'does not answer'
    return { name, job, url, state: 'down', tookMs: performance.now() - startMs, detail }
  }
}

async function askChain(url: string): Promise<string> {
  const id = Number(await rpc(url, 'eth_chainId'))
  return `chain ${id}`
}

async function askIndexer(url: string): Promise<string> {
  const nodes = (await rpc(url, 'indexer_getShardedNodes')) as { trusted?: unknown[] | null } | null
  const count = nodes?.trusted?.length ?? 0
  return count === 1 ? 'knows 1 node' : `knows ${count} nodes`
}

async function askStorageNode(url: string): Promise<string> {
  const status = (await rpc(url, 'zgs_getStatus')) as { nextTxSeq?: number; logSyncHeight?: number } | null
  const files = status?.nextTxSeq
  return files === undefined ? 'ready' : files === 1 ? '1 file' : `${files} files`
}

async function askKeyValue(url: string): Promise<string> {
  const streams = (await rpc(url, 'kv_getHoldingStreamIds')) as unknown[] | null
  const count = streams?.length ?? 0
  return count === 1 ? '1 stream' : `${count} streams`
}

async function askS3(url: string): Promise<string> {
  const response = await fetch(`${url}/minio/health/live`, { signal: AbortSignal.timeout(timeoutMs) })
  if (!response.ok) throw new Error(`HTTP ${response.status}`)
  return 'ready'
}

async function askModels(url: string, apiKey?: string): Promise<string> {
  const response = await fetch(`${url}/v1/models`, {
    signal: AbortSignal.timeout(timeoutMs),
    ...(apiKey && { headers: { authorization: `Bearer ${apiKey}` } }),
  })
  if (!response.ok) throw new Error(`HTTP ${response.status}`)
  const { data } = (await response.json()) as { data?: unknown[] }
  const count = data?.length ?? 0
  return count === 0 ? 'no model yet' : count === 1 ? '1 model' : `${count} models`
}

async function rpc(url: string, method: string): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] }),
    signal: AbortSignal.timeout(timeoutMs),
  })
  const answer = (await response.json()) as { result?: unknown; error?: { message: string } }
  if (answer.error) throw new Error(answer.error.message)
  return answer.result
}
