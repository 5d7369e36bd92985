/**
 * The newest block, for one who follows the chain: where the node can say when there is another (spec: chain §7) it is asked
 * once for each, otherwise it is asked again and again.
 */
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { type JsonRpc, RpcRefusedError } from './jsonRpc.ts'

export type Header = { number: bigint; hash: Hex }
/** `final`: the newest block that cannot be reverted; -1 where there is none. */
export type Heads = { head: Header; final: bigint }

export type FollowHeadParts = {
  rpc: JsonRpc
  env: Pick<Env, 'clock'>
  /** The least time between two answers, whoever gives them. */
  pollMs: number
  /** How long the node may hold one question. */
  waitMs: number
}

export type HeadFollower = {
  /** As they are now. */
  read(): Promise<Heads>
  /** Resolves when the head may be another one than `known`: at once where the node tells, else after `pollMs`. */
  next(known: Hex): Promise<Heads>
}

type RpcHeads = { latest: { number: Hex; hash: Hex }; finalized: { number: Hex } | null }

export function followHead({ rpc, env, pollMs, waitMs }: FollowHeadParts, signal: AbortSignal): HeadFollower {
  const { clock } = env
  let canWait = true
  let lastMs = Number.NEGATIVE_INFINITY

  /** Undefined where the node does not know how to wait. */
  async function ask(known: Hex, ms: number): Promise<Heads | undefined> {
    if (!canWait) return undefined
    try {
      const told = (await rpc.wait('weightless_waitForHead', [known, ms], signal)) as RpcHeads | null
      if (told?.latest) return toHeads(told)
    } catch (fault) {
      if (!(fault instanceof RpcRefusedError)) throw fault
    }
    canWait = false
    return undefined
  }

  async function poll(): Promise<Heads> {
    const [latest, finalized] = (await rpc.batch(
      [
        { method: 'eth_getBlockByNumber', params: ['latest', false] },
        { method: 'eth_getBlockByNumber', params: ['finalized', false] },
      ],
      signal,
    )) as [RpcHeads['latest'], RpcHeads['finalized']]
    return toHeads({ latest, finalized })
  }

  return {
    read: async () => (await ask(noHash, 0)) ?? poll(),
    async next(known) {
      const heads = await ask(known, waitMs)
      // Blocks that follow each other fast are taken together.
      const restMs = heads ? lastMs + pollMs - clock.monotonicMs() : pollMs
      if (restMs > 0) await clock.sleep(restMs, signal)
      lastMs = clock.monotonicMs()
      return heads ?? poll()
    },
  }
}

function toHeads({ latest, finalized }: RpcHeads): Heads {
  return {
    head: { number: BigInt(latest.number), hash: latest.hash },
    final: finalized ? BigInt(finalized.number) : -1n,
  }
}

const noHash: Hex = `0x${'00'.repeat(32)}`
