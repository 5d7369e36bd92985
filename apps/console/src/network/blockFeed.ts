/** The live chain: follows `newHeads` over one WebSocket, keeps the last blocks in memory, reconnects by itself. */
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { useSyncExternalStore } from 'react'
import type { Block, Hash, Transaction } from 'viem'
import { getBlock } from 'viem/actions'
import { chainClient } from './chainClient.ts'
import { type Contracts, isUpkeep } from './upkeep.ts'

export type LiveBlock = Block<bigint, true, 'latest'>
export type LiveTransaction = Transaction<bigint, number, false>
type FeedState = 'connecting' | 'live' | 'offline'
export type Feed = {
  state: FeedState
  blocks: readonly LiveBlock[]
  /** The newest blocks that hold transactions, however many empty ones came since; those with upkeep alone push out no others. */
  busy: readonly LiveBlock[]
}

const blocksMax = 64
const busyMax = 24
const reconnectMsMax = 8_000
let feed: Feed = { state: 'connecting', blocks: [], busy: [] }
/** Whether a block holds more than upkeep. */
let isUsed: (block: LiveBlock) => boolean = () => true
const listeners = new Set<() => void>()

/** Newest block first. */
export function useBlockFeed(): Feed {
  return useSyncExternalStore(subscribe, () => feed)
}

/** Follows the chain until the returned function is called. */
export function startBlockFeed({ rpcUrl, wsUrl }: NetworkConfig['chain'], contracts: Contracts): () => void {
  isUsed = ({ transactions }) => transactions.some((each) => !isUpkeep(contracts, each))
  let stopped = false
  let socket: WebSocket | undefined
  let timer: number | undefined
  let waitMs = 500
  const connect = () => {
    socket = new WebSocket(wsUrl)
    socket.onopen = () => {
      socket?.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] }))
      void catchUp(rpcUrl).then(() => {
        waitMs = 500
      }, reportLost)
    }
    socket.onmessage = (event) => {
      const hash = readHeadHash(String(event.data))
      if (hash) void addBlockByHash(rpcUrl, hash).catch(reportLost)
    }
    socket.onclose = () => {
      if (stopped) return
      reportLost()
      timer = window.setTimeout(connect, waitMs)
      waitMs = Math.min(waitMs * 2, reconnectMsMax)
    }
  }
  connect()
  return () => {
    stopped = true
    window.clearTimeout(timer)
    socket?.close()
  }
}

async function catchUp(rpcUrl: string): Promise<void> {
  const client = chainClient(rpcUrl)
  const newest = await getBlock(client, { includeTransactions: true })
  const count = Math.min(Number(newest.number), 40)
  const older = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      getBlock(client, { blockNumber: newest.number - BigInt(i + 1), includeTransactions: true }),
    ),
  )
  // Another chain behind the same URL (a reset devnet) must not be mixed with the old one.
  const known = feed.blocks.find((block) => block.number === newest.number)
  const same = known === undefined ? (feed.blocks[0]?.number ?? 0n) < newest.number : known.hash === newest.hash
  publishBlocks(same ? feed : { blocks: [], busy: [] }, [newest, ...older])
}

async function addBlockByHash(rpcUrl: string, hash: Hash): Promise<void> {
  const block = await getBlock(chainClient(rpcUrl), { blockHash: hash, includeTransactions: true })
  publishBlocks(feed, [block])
}

/** Adds older blocks that are known to hold work. */
export async function addBlocks(rpcUrl: string, numbers: readonly bigint[]): Promise<void> {
  const missing = numbers.filter((number) => !feed.busy.some((block) => block.number === number)).slice(0, busyMax)
  const client = chainClient(rpcUrl)
  const added = await Promise.all(
    missing.map((blockNumber) => getBlock(client, { blockNumber, includeTransactions: true })),
  )
  publish({ ...feed, busy: mergeBusy(feed.busy, added) })
}

function publishBlocks(known: Pick<Feed, 'blocks' | 'busy'>, added: readonly LiveBlock[]): void {
  const working = added.filter((block) => block.transactions.length > 0)
  const busy = working.length > 0 ? mergeBusy(known.busy, working) : known.busy
  publish({ state: 'live', blocks: merge(known.blocks, added, blocksMax), busy })
}

function merge(known: readonly LiveBlock[], added: readonly LiveBlock[], countMax: number): LiveBlock[] {
  const byNumber = new Map(known.map((block) => [block.number, block]))
  for (const block of added) byNumber.set(block.number, block)
  return [...byNumber.values()].sort((a, b) => Number(b.number - a.number)).slice(0, countMax)
}

/** The newest with more than upkeep, and as many with upkeep alone. */
function mergeBusy(known: readonly LiveBlock[], added: readonly LiveBlock[]): LiveBlock[] {
  const all = merge(known, added, known.length + added.length)
  const [used, upkeep] = [all.filter(isUsed), all.filter((block) => !isUsed(block))]
  return merge(used.slice(0, busyMax), upkeep.slice(0, busyMax), 2 * busyMax)
}

function readHeadHash(text: string): Hash | undefined {
  try {
    const message = JSON.parse(text) as { params?: { result?: { hash?: Hash } } }
    return message.params?.result?.hash
  } catch {
    // Not JSON: nothing that a chain sends on this subscription.
    return undefined
  }
}

function reportLost(): void {
  publish({ ...feed, state: 'offline' })
}

function publish(next: Feed): void {
  feed = next
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
