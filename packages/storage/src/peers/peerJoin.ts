/** How a node of the storage network joins its peers. libp2p is loaded only by those who do. Spec: p2p §1. */
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { PeerNetwork, PeerNetworkOptions } from '@weightless/p2p'

export type PeerJoin = {
  /** A TCP port on loopback (0 asks for any), or multiaddresses. */
  listen: number | readonly string[]
  /** Multiaddresses of peers to begin with; they need not be up yet. */
  bootstrap: readonly string[]
  /** Names a gateway among its peers; a new name at every start without it. Holders have a key anyway. */
  secretKey32?: Uint8Array
}

export type JoinParts = {
  env: Pick<Env, 'clock' | 'random' | 'log'>
  chainId: number
  flowAddress: Hex
  join: PeerJoin
}

/** @throws {PeerListenError} */
export async function openJoined(
  { env, chainId, flowAddress, join }: JoinParts,
  own: Pick<PeerNetworkOptions, 'record' | 'secretKey32'> & Partial<PeerNetworkOptions>,
): Promise<PeerNetwork> {
  const { openPeerNetwork } = await import('@weightless/p2p')
  const { listen, bootstrap } = join
  return openPeerNetwork({ env, listen, bootstrap, identity: { chainId, flowAddress }, ...own })
}
