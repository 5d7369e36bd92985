/**
 * One lookup in the DHT, written down hop by hop: who was asked, who had named it, how long it took. Providers that it
 * finds are asked for their signed record, unless that is known. Spec: p2p §3.
 */
import type { QueryEvent } from '@libp2p/kad-dht'
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { NodeRecord } from '@weightless/storage/wire'
import type { Host } from './createHost.ts'
import { cidOf, nodeIdOf } from './peerNames.ts'
import type { FindOptions, FoundHolders, Hop } from './peerNetwork.ts'
import type { PeerScores } from './peerScores.ts'

export type LookupParts = {
  env: Pick<Env, 'clock'>
  host: Host
  self: Hex
  scores: PeerScores
  known(nodeId: Hex): NodeRecord | undefined
  /** Asks a node for its record; undefined if it does not answer, or wrongly. */
  askRecord(nodeId: Hex, signal: AbortSignal): Promise<NodeRecord | undefined>
  /** Aborts when the network closes. */
  closing: AbortSignal
}

export async function findHolders(parts: LookupParts, root: Hex, options: FindOptions = {}): Promise<FoundHolders> {
  const { env, host, self, scores, closing } = parts
  const { signal: outer, timeoutMs = lookupMs, wanted = 1, onHop } = options
  outer?.throwIfAborted()
  const startMs = env.clock.monotonicMs()
  const ended = new AbortController()
  const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), closing, ended.signal, ...(outer ? [outer] : [])])
  const trail = createTrail(env, onHop)
  const found = new Map<Hex, NodeRecord>()
  const resolving = new Map<Hex, Promise<void>>()

  function consider(nodeId: Hex | undefined): void {
    if (!nodeId || nodeId === self || scores.isRefused(nodeId) || resolving.size >= holdersMax) return
    if (resolving.has(nodeId)) return
    const known = parts.known(nodeId)
    if (known) found.set(nodeId, known)
    const asked = known ? Promise.resolve(known) : parts.askRecord(nodeId, signal)
    const kept = asked.then((record) => {
      if (record) found.set(nodeId, record)
    })
    resolving.set(nodeId, kept)
  }

  async function walk(): Promise<void> {
    for await (const event of host.services.dht.findProviders(cidOf(root), { signal })) {
      trail.note(event)
      if (event.name === 'PROVIDER') for (const { id } of event.providers) consider(nodeIdOf(id))
      if (found.size >= wanted) return
    }
  }

  try {
    // A node that has just started knows nobody for a moment.
    while (!signal.aborted) {
      await walk().catch((fault: unknown) => {
        if (!signal.aborted) throw fault
      })
      if (trail.hops.length > 0 || resolving.size > 0) break
      await env.clock.sleep(strangerWaitMs, signal).catch(() => undefined)
    }
    if (found.size < wanted) await Promise.all(resolving.values())
  } finally {
    ended.abort()
  }
  outer?.throwIfAborted()
  return { nodes: [...found.values()], hops: trail.hops, depth: trail.depth(), ms: env.clock.monotonicMs() - startMs }
}

/** Turns the events of a query into hops. */
function createTrail({ clock }: Pick<Env, 'clock'>, onHop: FindOptions['onHop']) {
  const startsMs = new Map<Hex, number>()
  const namedBy = new Map<Hex, Hex>()
  const hops: Hop[] = []

  function add(asked: Hex, answer: Pick<Hop, 'outcome' | 'holders' | 'closer'>): void {
    const ms = clock.monotonicMs() - (startsMs.get(asked) ?? clock.monotonicMs())
    const hop: Hop = { asked, namedBy: namedBy.get(asked), ms, ...answer }
    hops.push(hop)
    onHop?.(hop)
  }

  return {
    hops,
    note(event: QueryEvent): void {
      if (event.name === 'DIAL_PEER') {
        const nodeId = nodeIdOf(event.peer)
        if (nodeId && !startsMs.has(nodeId)) startsMs.set(nodeId, clock.monotonicMs())
      } else if (event.name === 'PEER_RESPONSE') {
        const from = nodeIdOf(event.from)
        // Its own table is where a lookup begins; that is no hop.
        if (!from || event.path.index < 0) return
        const holders = event.providers.length
        add(from, { outcome: holders > 0 ? 'holders' : 'closer peers', holders, closer: event.closer.length })
        for (const { id } of event.closer) {
          const nodeId = nodeIdOf(id)
          if (nodeId && !startsMs.has(nodeId) && !namedBy.has(nodeId)) namedBy.set(nodeId, from)
        }
      } else if (event.name === 'QUERY_ERROR') {
        const from = nodeIdOf(event.from)
        if (from) add(from, { outcome: 'failed', holders: 0, closer: 0 })
      }
    },
    /** Length of the chain of those who named each other, up to the first that named a holder. */
    depth(): number {
      let at: Hex | undefined = hops.find(({ outcome }) => outcome === 'holders')?.asked
      let length = 0
      for (; at !== undefined && length <= hops.length; length++) at = namedBy.get(at)
      return length
    },
  }
}

const lookupMs = 10_000
const holdersMax = 64
const strangerWaitMs = 25
