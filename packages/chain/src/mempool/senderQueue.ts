/** The waiting transactions of one sender by nonce: those that could run now, one after the other, and those behind a gap. */
import type { PooledTransaction } from './pooledTransaction.ts'

export type SenderQueue = {
  readonly size: number
  get(nonce: number): PooledTransaction | undefined
  /** Puts it in the place of any other with this nonce. */
  set(transaction: PooledTransaction): void
  delete(nonce: number): PooledTransaction | undefined
  /** Sum of what all waiting transactions can cost, in wei. */
  costWei(): bigint
  /** The one with the account's own nonce, if it waits. */
  first(): PooledTransaction | undefined
  /** The first nonce that nothing waiting fills. */
  nextNonce(): number
  /** The account's nonce in the state; transactions below it come back, removed. */
  advance(stateNonce: number): PooledTransaction[]
  all(): PooledTransaction[]
}

export function createSenderQueue(stateNonce: number): SenderQueue {
  const byNonce = new Map<number, PooledTransaction>()
  let base = stateNonce
  let next = stateNonce
  let cost = 0n

  function extend(): void {
    while (byNonce.has(next)) next++
  }

  function remove(nonce: number): PooledTransaction | undefined {
    const transaction = byNonce.get(nonce)
    if (transaction === undefined) return undefined
    byNonce.delete(nonce)
    cost -= transaction.costWei
    return transaction
  }

  return {
    get size() {
      return byNonce.size
    },
    get: (nonce) => byNonce.get(nonce),
    set(transaction) {
      remove(transaction.nonce)
      byNonce.set(transaction.nonce, transaction)
      cost += transaction.costWei
      if (transaction.nonce === next) extend()
    },
    delete(nonce) {
      const transaction = remove(nonce)
      if (transaction !== undefined && nonce < next) next = Math.max(nonce, base)
      return transaction
    },
    costWei: () => cost,
    first: () => byNonce.get(base),
    nextNonce: () => next,
    advance(nonce) {
      const gone: PooledTransaction[] = []
      if (nonce >= base) {
        for (let old = base; old < nonce && byNonce.size > 0; old++) {
          const transaction = remove(old)
          if (transaction !== undefined) gone.push(transaction)
        }
      }
      const rewound = nonce < base
      base = nonce
      next = rewound ? nonce : Math.max(next, nonce)
      extend()
      return gone
    },
    all: () => [...byNonce.values()].sort((a, b) => a.nonce - b.nonce),
  }
}
