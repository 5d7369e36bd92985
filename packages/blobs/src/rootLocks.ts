/** Lets work on different roots run side by side and work on one root one after another, so that no root is paid twice. */
import type { Hex } from '@weightless/codec'

export type RootLocks = {
  /** Runs when nobody else holds any of the roots. */
  hold<Value>(roots: readonly Hex[], run: () => Promise<Value>): Promise<Value>
}

export function createRootLocks(): RootLocks {
  const last = new Map<Hex, Promise<unknown>>()
  return {
    async hold(roots, run) {
      const before = roots.flatMap((root) => last.get(root) ?? [])
      const turn = Promise.all(before).then(run)
      const settled = turn.then(
        () => undefined,
        () => undefined,
      )
      for (const root of roots) last.set(root, settled)
      try {
        return await turn
      } finally {
        for (const root of roots) if (last.get(root) === settled) last.delete(root)
      }
    },
  }
}
