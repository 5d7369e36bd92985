/** Keeps enough connections: bootstrap addresses first, then nodes known from announcements, a few at a time. Spec: p2p §2. */
import { multiaddr } from '@multiformats/multiaddr'
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { NodeRecord } from '@weightless/storage/wire'
import type { Host } from './createHost.ts'
import { peerIdOf } from './peerNames.ts'
import { runBounded } from './runBounded.ts'

export type ConnectParts = {
  env: Pick<Env, 'clock' | 'random' | 'log'>
  host: Host
  bootstrap: readonly string[]
  nodes(): NodeRecord[]
  isRefused(nodeId: Hex): boolean
}

export async function keepConnected(parts: ConnectParts, signal: AbortSignal): Promise<void> {
  const { env, host } = parts
  /** Who was found at addresses that do not say it: as long as that one is connected, nobody is dialled there. */
  const found = new Map<string, string>()
  let waitMs = firstWaitMs
  while (!signal.aborted) {
    if (host.getPeers().length < peersWanted) await dialSome(parts, found, signal)
    // Quick while alone: at the start of a network its nodes come up in any order.
    waitMs = host.getPeers().length === 0 ? Math.min(waitMs * 2, restMs) : restMs
    await env.clock.sleep(waitMs, signal).catch(() => undefined)
  }
}

async function dialSome(
  { env, host, bootstrap, nodes, isRefused }: ConnectParts,
  found: Map<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const connected = new Set(host.getPeers().map(String))
  const known = nodes()
    .filter(({ nodeId, addresses }) => addresses.length > 0 && !isRefused(nodeId))
    .filter(({ nodeId }) => !connected.has(String(peerIdOf(nodeId))))
  const addresses = [...bootstrap, ...pick(known, dialledAtOnce, env).map((record) => record.addresses[0]!)]
  await runBounded([...new Set(addresses)], dialledAtOnce, signal, async (address) => {
    try {
      const target = multiaddr(address)
      const name = /\/p2p\/([^/]+)$/.exec(address)?.[1] ?? found.get(address)
      if (name !== undefined && (connected.has(name) || name === String(host.peerId))) return
      const limited = AbortSignal.any([signal, AbortSignal.timeout(dialMs)])
      const { remotePeer } = await host.dial(target, { signal: limited })
      if (bootstrap.includes(address)) found.set(address, String(remotePeer))
    } catch (fault) {
      env.log.debug('peer not reached', { address, reason: String(fault) })
    }
  })
}

function pick<Item>(items: readonly Item[], count: number, { random }: Pick<Env, 'random'>): Item[] {
  const left = [...items]
  const picked: Item[] = []
  while (picked.length < count && left.length > 0) {
    const [high, low] = random.bytes(2)
    picked.push(...left.splice((high! * 256 + low!) % left.length, 1))
  }
  return picked
}

const peersWanted = 12
const dialledAtOnce = 8
const dialMs = 5_000
const firstWaitMs = 100
const restMs = 5_000
