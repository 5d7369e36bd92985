/**
 * Where a file is: from the registry's memory first, which answers at once; from the DHT where that knows nothing. What the
 * DHT finds is kept in the registry. Nodes that peers refuse are left out. Spec: p2p §3, storage §12.
 */
import type { Hex } from '@weightless/codec'
import type { Clock } from '@weightless/env'
import type { PeerNetwork } from '@weightless/p2p'
import type { Registry } from '../indexer/registry.ts'
import type { FileLocation, NodeRecord } from '../wire/index.ts'

export type FileLocator = {
  nodes(): NodeRecord[]
  /** What is known now; a root that is not known is looked for meanwhile, for the next who asks. */
  locate(root: Hex): FileLocation
  /** The same, but waits for the DHT, two seconds at most. */
  locateFar(root: Hex): Promise<FileLocation>
}

export function createFileLocator(clock: Clock, registry: Registry, network?: PeerNetwork): FileLocator {
  const { directory, placements } = registry
  const lookups = new Map<Hex, { atMs: number; ended: Promise<void> }>()
  let running = 0

  const isTrusted = ({ nodeId }: NodeRecord): boolean => !network?.isRefused(nodeId)

  function recall(root: Hex): FileLocation {
    const found = placements.find(root)
    const holders = new Set(found.flatMap((placement) => placement.holders))
    const nodes = [...holders].flatMap((nodeId) => directory.find(nodeId) ?? [])
    return { placements: found, nodes: nodes.filter(isTrusted) }
  }

  async function lookUp(peers: PeerNetwork, root: Hex): Promise<void> {
    running++
    try {
      const { nodes } = await peers.findHolders(root, { timeoutMs: lookupMs })
      for (const node of nodes) directory.announce(node.nodeId, node)
      for (const { nodeId } of nodes.slice(0, holdersAsked)) {
        const answer = await peers.askPlacement(nodeId, root, { timeoutMs: lookupMs })
        if (!answer.ok) continue
        for (const holder of answer.value.holders) {
          const record = peers.nodes().find((node) => node.nodeId === holder)
          if (record) directory.announce(holder, record)
        }
        if ((await placements.put(root, answer.value)).ok) return
      }
    } finally {
      running--
    }
  }

  /** Resolves when the DHT has been asked; once in five seconds for one root. */
  function lookOnce(root: Hex): Promise<void> {
    const nowMs = clock.monotonicMs()
    const last = lookups.get(root)
    if (last && nowMs - last.atMs < askAgainMs) return last.ended
    if (!network || running >= runningMax) return Promise.resolve()
    if (lookups.size >= rootsMax) lookups.delete(lookups.keys().next().value!)
    const ended = lookUp(network, root).catch(() => undefined)
    lookups.delete(root)
    lookups.set(root, { atMs: nowMs, ended })
    return ended
  }

  return {
    nodes: () => directory.live().filter(isTrusted),
    locate(root) {
      const known = recall(root)
      if (known.placements.length === 0) void lookOnce(root)
      return known
    },
    async locateFar(root) {
      const known = recall(root)
      if (known.placements.length > 0 || !network) return known
      await lookOnce(root)
      return recall(root)
    },
  }
}

const lookupMs = 2_000
const askAgainMs = 5_000
const holdersAsked = 3
const runningMax = 32
const rootsMax = 4_096
