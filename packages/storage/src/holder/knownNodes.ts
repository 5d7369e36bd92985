/**
 * The nodes of the network as this one sees them: told by indexers and by peers, each record signed by its node. Keeps how
 * long each has been silent, which is what repair goes by. Spec: storage §11, §13.
 */
import { joinUrl } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { type NodeRecord, readNodeRecord } from '../wire/index.ts'

export type KnownNodes = {
  /** Nodes heard of lately, this one not among them. */
  live(): NodeRecord[]
  find(nodeId: Hex): NodeRecord | undefined
  /** Milliseconds since a node was last heard of; since this one looks out for it, where it never was. */
  silentMs(nodeId: Hex): number
  /** Whether a node has been silent for some turns, while others answered. Where nobody does, nobody is away. */
  isAway(nodeId: Hex): boolean
  /** Whether the others have been asked at least once, and one has answered. */
  hasLooked(): boolean
  /** Takes a record that came some other way, as by gossip. */
  take(json: unknown): boolean
  ended: Promise<void>
}

export type KnownNodesParts = {
  env: Pick<Env, 'clock' | 'network'>
  nodeId: Hex
  chainId: number
  flowAddress: Hex
  indexerUrls: readonly string[]
  /** URLs of other holders that are asked for their records; may grow. */
  peers: readonly string[]
  pollMs: number
}

/** How far the time of a record may be from ours. */
const freshMs = 30_000
const nodesMax = 4_096
const answerBytesMax = 4 * 1024 * 1024

export function watchKnownNodes(parts: KnownNodesParts, signal: AbortSignal): KnownNodes {
  const { clock } = parts.env
  const nodes = new Map<Hex, { record: NodeRecord; heardMs: number }>()
  const startMs = clock.monotonicMs()
  /** Nodes tell of themselves at every turn; one that misses several is away. */
  const liveMs = Math.min(freshMs, 4 * parts.pollMs + 1_000)
  let lookedMs: number | undefined

  function take(json: unknown): boolean {
    const named = json as Partial<NodeRecord> | null
    if (typeof named !== 'object' || named === null || named.nodeId === parts.nodeId) return false
    if (!(Math.abs(clock.nowMs() - Number(named.signedMs)) <= freshMs)) return false
    const known = named.nodeId === undefined ? undefined : nodes.get(named.nodeId)
    if (known && known.record.signedMs >= Number(named.signedMs)) return true
    if (!known && nodes.size >= nodesMax) return false
    const read = readNodeRecord(json)
    if (!read.ok || read.value.chainId !== parts.chainId) return false
    if (read.value.flowAddress.toLowerCase() !== parts.flowAddress.toLowerCase()) return false
    nodes.set(read.value.nodeId, { record: read.value, heardMs: clock.monotonicMs() })
    return true
  }

  async function ask(url: string): Promise<boolean> {
    try {
      const response = await parts.env.network.fetch(url, { signal, timeoutMs: 5_000 })
      const body = await response.json(answerBytesMax)
      if (response.status !== 200) return false
      for (const record of Array.isArray(body) ? body : [body]) take(record)
      return true
    } catch {
      return false
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const urls = [
        ...parts.indexerUrls.map((url) => joinUrl(url, '/nodes')),
        ...parts.peers.map((url) => joinUrl(url, '/node/record')),
      ]
      const answers = await Promise.all(urls.map(ask))
      if (answers.some((isAnswered) => isAnswered)) lookedMs ??= clock.monotonicMs()
      // While nobody answers, it is this node that is alone: the others are not silent.
      else for (const known of nodes.values()) known.heardMs = Math.max(known.heardMs, clock.monotonicMs() - liveMs / 2)
      await clock.sleep(parts.pollMs, signal).catch(() => undefined)
    }
  }

  const silentMs = (nodeId: Hex): number =>
    clock.monotonicMs() - (nodes.get(nodeId)?.heardMs ?? lookedMs ?? clock.monotonicMs())

  return {
    live: () =>
      [...nodes.values()].filter(({ heardMs }) => clock.monotonicMs() - heardMs < liveMs).map(({ record }) => record),
    find(nodeId) {
      const known = nodes.get(nodeId)
      return known && clock.monotonicMs() - known.heardMs < liveMs ? known.record : undefined
    },
    silentMs,
    isAway: (nodeId) => lookedMs !== undefined && silentMs(nodeId) >= liveMs,
    hasLooked: () => lookedMs !== undefined && clock.monotonicMs() > startMs,
    take,
    ended: run(),
  }
}
