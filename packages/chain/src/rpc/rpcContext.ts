/** What the JSON-RPC methods work on, and the shape of a method. */
import { bytesToHex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { Evm } from '@weightless/evm'
import type { DevnetAccounts } from '../accounts.ts'
import type { Audience } from '../consensus/audience.ts'
import type { BlockTime } from '../consensus/blockTime.ts'
import type { SoloDriver } from '../consensus/soloDriver.ts'
import type { Block } from '../execution/block.ts'
import type { EmbeddedEngine } from '../execution/embeddedEngine.ts'
import type { rpcLimits } from '../limits.ts'
import type { Mempool } from '../mempool/mempool.ts'
import type { BlockName } from './params.ts'
import { RpcFault } from './rpcFault.ts'

export type RpcContext = {
  env: Env
  engine: EmbeddedEngine
  evm: Evm
  pool: Mempool
  driver: SoloDriver
  blockTime: BlockTime
  audience: Audience
  accounts: DevnetAccounts
  limits: typeof rpcLimits
}

/** Answers one request; what it returns goes out as JSON, so it holds hex strings, no bigint. */
export type RpcMethod = (params: readonly unknown[], caller: RpcCaller) => unknown

/** The connection that a request came over; HTTP has no `socket`. */
export type RpcCaller = {
  socket?: RpcSocket
  /** Abort when nobody waits for the answer any more: the client is gone, or the server closes. */
  ended?: readonly AbortSignal[]
}

export type RpcSocket = {
  /** Sends an eth_subscription message; false once the socket is gone. */
  notify(subscription: string, result: unknown): boolean
  /** Ends of the subscriptions held, by id. */
  subscriptions: Map<string, () => void>
}

export type MethodTable = { readonly [name: string]: RpcMethod }

/** `pending` reads the head: blocks follow work within milliseconds. Undefined when there is no such block. */
export function findBlock(context: RpcContext, name: BlockName): Block | undefined {
  const { engine } = context
  if ('hash' in name) {
    const number = engine.blocks.numberOf(name.hash)
    return number === undefined ? undefined : visibleBlock(context, number)
  }
  if ('number' in name) return visibleBlock(context, name.number)
  return name.tag === 'earliest' ? engine.blocks.block(0) : engine.head
}

/** @throws {RpcFault} in geth's words */
export function requireBlock(context: RpcContext, name: BlockName): Block {
  const block = findBlock(context, name)
  if (block !== undefined) return block
  throw new RpcFault(
    'refused',
    'hash' in name ? `header for hash ${bytesToHex(name.hash)} not found` : 'header not found',
  )
}

function visibleBlock({ engine }: RpcContext, number: number): Block | undefined {
  return number > engine.head.header.number ? undefined : engine.blocks.block(number)
}
