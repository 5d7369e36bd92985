/** Money set aside for jobs that run, so that nobody overdraws in the middle of an answer. Spec: COMPUTE §7.1. */
import type { Hex } from '@weightless/codec'
import { type AccountBook, outstandingWei } from '../settlement/accountBook.ts'
import type { ChainAccount, ChainAccounts } from './chainAccounts.ts'

export type Holds = {
  /**
   * Sets `amountWei` aside if the account has it beside all that is owed and held; the result ends the hold (safe to
   * call twice), or tells what is free.
   */
  take(user: Hex, amountWei: bigint): Promise<{ ok: true; release: () => void } | { ok: false; freeWei: bigint }>
  /** Sets aside what another process has promised already; the result ends the hold (safe to call twice). */
  keep(user: Hex, amountWei: bigint): () => void
}

export function createHolds({ accounts, book }: { accounts: ChainAccounts; book: AccountBook }): Holds {
  const held = new Map<Hex, bigint>()

  /** What is free of `chain`; nothing may be awaited between this and the hold that relies on it. */
  function freeWei(user: Hex, chain: ChainAccount | undefined): bigint {
    if (!chain) return 0n
    // What the chain has paid is read together with the balance: the book may be a settlement ahead or behind.
    const owed = outstandingWei({ ...book.of(user), paidOnChain: chain.paid })
    return chain.spendable - owed - (held.get(user) ?? 0n)
  }

  function hold(user: Hex, amountWei: bigint): () => void {
    held.set(user, (held.get(user) ?? 0n) + amountWei)
    let ended = false
    return () => {
      if (ended) return
      ended = true
      const rest = held.get(user)! - amountWei
      if (rest > 0n) held.set(user, rest)
      else held.delete(user)
    }
  }

  return {
    keep: hold,
    async take(user, amountWei) {
      const remembered = await accounts.of(user)
      if (freeWei(user, remembered) >= amountWei) return { ok: true, release: hold(user, amountWei) }
      // A deposit of a moment ago must count.
      const fresh = await accounts.of(user, { maxAgeMs: 0 })
      const free = freeWei(user, fresh)
      if (free >= amountWei) return { ok: true, release: hold(user, amountWei) }
      return { ok: false, freeWei: free > 0n ? free : 0n }
    },
  }
}
