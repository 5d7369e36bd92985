/** Tells indexers every few seconds that this node is there, and under which URL. Spec: storage §11. */
import { joinUrl } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import type { Disk, Env } from '@weightless/env'
import { type NodeRecord, type ShardConfigJson, signNodeRecord } from '../wire/index.ts'

export type AnnounceParts = {
  env: Pick<Env, 'clock' | 'network' | 'log'>
  disk: Disk
  secretKey: Uint8Array
  nodeId: Hex
  chainId: number
  flowAddress: Hex
  shard(): ShardConfigJson | null
  /** Where this node answers; empty until it does. */
  url(): string
  addresses(): readonly string[]
  indexerUrls: readonly string[]
  pollMs: number
}

export function createRecord(parts: AnnounceParts): () => Promise<NodeRecord> {
  return async () => {
    const { chainId, flowAddress, disk, env } = parts
    const place = { url: parts.url(), shard: parts.shard(), addresses: parts.addresses() }
    const freeBytes = Math.floor(await disk.freeBytes())
    const network = { chainId, flowAddress: flowAddress.toLowerCase() as Hex }
    return signNodeRecord({ ...place, ...network, freeBytes, signedMs: env.clock.nowMs() }, parts.secretKey)
  }
}

/** Resolves after `signal`. */
export async function announceNode(
  parts: AnnounceParts,
  record: () => Promise<NodeRecord>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, network, log } = parts.env
  const refused = new Set<string>()
  let isTold = false
  while (!signal.aborted) {
    if (parts.url() !== '' && parts.indexerUrls.length > 0) {
      const body = JSON.stringify(await record())
      await Promise.all(
        parts.indexerUrls.map(async (indexerUrl) => {
          try {
            const url = joinUrl(indexerUrl, `/nodes/${parts.nodeId}`)
            const headers = { 'content-type': 'application/json' }
            const response = await network.fetch(url, { method: 'PUT', headers, body, signal, timeoutMs: 5_000 })
            const reason = (await response.text(4_096)).slice(0, 200)
            if (response.status === 204) {
              isTold = true
              refused.delete(indexerUrl)
            } else if (!refused.has(indexerUrl)) {
              refused.add(indexerUrl)
              log.warn('the indexer refuses the record', { indexerUrl, status: response.status, reason })
            }
          } catch {
            // It may not be there yet; the next round tells it again.
          }
        }),
      )
    }
    // A node that is coming up should not be missed for long.
    await clock.sleep(isTold ? parts.pollMs : Math.min(parts.pollMs, 200), signal).catch(() => undefined)
  }
}
