/** The storage nodes that an indexer knows, asked now and then whether they answer and what they hold. Spec: storage §8. */
import { callNode } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { FileInfoJson, ShardConfigJson, ShardedNodeJson, StatusJson } from '../wire/index.ts'

export type NodeRegistry = {
  /** Nodes that answered when last asked, in the configured order. */
  nodes(): ShardedNodeJson[]
  /** What each answering node knows about a file. */
  fileInfos(key: Hex | number, signal?: AbortSignal): Promise<{ node: ShardedNodeJson; info: FileInfoJson }[]>
  statuses(): Promise<StatusJson[]>
  /** Begins to look; resolves after the first look at every node. */
  start(): Promise<void>
  ended(): Promise<void>
}

const lookMs = 5_000
const askMs = 3_000

export function watchNodes(
  env: Pick<Env, 'clock' | 'network' | 'log'>,
  nodeUrls: readonly string[],
  signal: AbortSignal,
): NodeRegistry {
  const known = new Map<string, ShardedNodeJson>()

  async function look(url: string): Promise<void> {
    const startMs = env.clock.monotonicMs()
    try {
      const options = { signal, timeoutMs: askMs }
      const config = await callNode<ShardConfigJson>(env.network, url, 'zgs_getShardConfig', [], options)
      const latency = Math.round(env.clock.monotonicMs() - startMs)
      const since = known.get(url)?.since ?? Math.floor(env.clock.nowMs() / 1000)
      known.set(url, { url, config, latency, since })
    } catch {
      if (known.delete(url) && !signal.aborted) env.log.warn('storage node does not answer', { nodeUrl: url })
    }
  }

  let looking: Promise<void> = Promise.resolve()
  async function keepLooking(): Promise<void> {
    while (!signal.aborted) {
      // A node that is still starting should not be missed for long.
      const allKnown = known.size === nodeUrls.length
      await env.clock.sleep(allKnown ? lookMs : 500, signal).catch(() => undefined)
      if (!signal.aborted) await Promise.all(nodeUrls.map(look))
    }
  }

  const ask = async <Result>(method: string, params: readonly unknown[], outer: AbortSignal = signal) => {
    const nodes = inOrder()
    const answers = await Promise.all(
      nodes.map((node) =>
        callNode<Result | null>(env.network, node.url, method, params, { signal: outer, timeoutMs: askMs }).then(
          (answer) => ({ node, answer }),
          () => ({ node, answer: null }),
        ),
      ),
    )
    return answers.flatMap(({ node, answer }) => (answer === null ? [] : [{ node, answer }]))
  }

  /** As configured: the first is the one that uploads go to, so that its choice does not hop with the latency. */
  const inOrder = () => nodeUrls.flatMap((url) => known.get(url) ?? [])

  return {
    nodes: inOrder,
    async fileInfos(key, outer) {
      const answers =
        typeof key === 'number'
          ? await ask<FileInfoJson>('zgs_getFileInfoByTxSeq', [key], outer)
          : await ask<FileInfoJson>('zgs_getFileInfo', [key, false], outer)
      return answers.map(({ node, answer }) => ({ node, info: answer }))
    },
    statuses: async () => (await ask<StatusJson>('zgs_getStatus', [])).map(({ answer }) => answer),
    async start() {
      await Promise.all(nodeUrls.map(look))
      looking = keepLooking()
    },
    ended: () => looking,
  }
}
