/** What a storage node says of itself at `GET /node/status`: how it stands among its peers, and what mining brings it. Spec: storage §11. */
import { type Hex, isHexOf } from '@weightless/codec'

export type NodeStatusJson = {
  nodeId: Hex
  /** Null where it has not joined by libp2p: then indexers alone know it. */
  peers: { connected: number; known: number } | null
  /** Null where it does not mine. */
  mining: MiningJson | null
}

/** Counts are since the node started. */
export type MiningJson = {
  /**
   * `starting`: no id yet. `idle`: no epoch to mine, or it has its answers. `resting`: what is kept here pays too little.
   * `paused`: somebody told it to. `away`: the chain does not answer.
   */
  state: (typeof states)[number]
  /** The account that is paid. */
  beneficiary: Hex
  sealedFragments: number
  /** Segments that were recalled and tried. */
  recalls: number
  answersWon: number
  answersRefused: number
  /** Decimal wei: what waits for the account in the reward pool, and what has been fetched from there. */
  owedWei: string
  fetchedWei: string
}

const states = ['starting', 'idle', 'mining', 'resting', 'paused', 'away'] as const

/** Undefined for anything else; unknown fields are left out. */
export function readNodeStatus(json: unknown): NodeStatusJson | undefined {
  const { nodeId, peers = null, mining = null } = (json ?? {}) as Partial<NodeStatusJson>
  if (!isHexOf(nodeId, 32)) return undefined
  if (peers !== null && !(isCount(peers.connected) && isCount(peers.known))) return undefined
  const miner = mining === null ? null : readMining(mining)
  if (miner === undefined) return undefined
  return { nodeId, peers: peers && { connected: peers.connected, known: peers.known }, mining: miner }
}

function readMining(json: Partial<MiningJson>): MiningJson | undefined {
  const { state, beneficiary, sealedFragments, recalls, answersWon, answersRefused, owedWei, fetchedWei } = json
  if (!states.some((each) => each === state) || !isHexOf(beneficiary, 20)) return undefined
  if (!isCount(sealedFragments) || !isCount(recalls) || !isCount(answersWon) || !isCount(answersRefused))
    return undefined
  if (!isAmount(owedWei) || !isAmount(fetchedWei)) return undefined
  const counts = { sealedFragments, recalls, answersWon, answersRefused }
  return { state: state as MiningJson['state'], beneficiary, ...counts, owedWei, fetchedWei }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isAmount = (value: unknown): value is string => typeof value === 'string' && /^\d{1,78}$/.test(value)
