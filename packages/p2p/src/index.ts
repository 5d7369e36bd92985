export { createListedNetwork, type ListedNetworkOptions } from './listedNetwork.ts'
export type { NetworkIdentity } from './networkIdentity.ts'
export { openPeerNetwork, PeerListenError, type PeerNetworkOptions, PeerRecordError } from './openPeerNetwork.ts'
export type {
  AskFault,
  AskOptions,
  FindOptions,
  FoundHolders,
  GossipListener,
  GossipPayloads,
  GossipTopic,
  Hop,
  NetworkStatus,
  PeerNetwork,
  PeerView,
} from './peerNetwork.ts'
export type { PeerFault } from './peerScores.ts'
export type { ProviderBounds } from './providerTable.ts'
