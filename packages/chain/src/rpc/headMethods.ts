/**
 * `weightless_waitForHead`: whoever follows the chain is told of a new head when it is there and need not ask many times a
 * second. Followers are no audience: they do not make blocks come faster. Spec: chain §7.
 */
import { bytesEqual, bytesToHex, quantityToHex } from '@weightless/codec'
import { readCount, readHash } from './params.ts'
import type { MethodTable, RpcCaller, RpcContext } from './rpcContext.ts'
import { RpcFault } from './rpcFault.ts'

export function headMethods(context: RpcContext): MethodTable {
  const { engine, limits } = context
  let waiting = 0
  return {
    weightless_waitForHead: async ([known, waitMs], caller) => {
      if (caller.socket !== undefined)
        throw new RpcFault('method-not-found', 'waiting is for HTTP; a WebSocket has eth_subscribe')
      const hash = readHash(known, 'hash')
      const ms = Math.min(readCount(waitMs, 'waitMs'), limits.headWaitMsMax)
      if (bytesEqual(engine.head.hash, hash) && waiting < limits.headWaitersMax) {
        waiting++
        await untilHeadMoves(context, ms, caller)
        waiting--
      }
      const { header, hash: latest } = engine.head
      const number = quantityToHex(header.number)
      // Of one validator, the head is final.
      return { latest: { number, hash: bytesToHex(latest) }, finalized: { number } }
    },
  }
}

/** Never rejects; ends early when the caller or the server goes. */
async function untilHeadMoves({ engine, env }: RpcContext, ms: number, { ended = [] }: RpcCaller): Promise<void> {
  const moved = new AbortController()
  const leave = [engine.headMoved, engine.rewound].map((signal) => signal.listen(() => moved.abort()))
  await env.clock.sleep(ms, AbortSignal.any([moved.signal, ...ended])).catch(() => undefined)
  for (const end of leave) end()
}
