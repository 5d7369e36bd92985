/** Which file the Storage page shows; kept beside the address, because a root is nobody's business who sees the address. */
import type { Hex } from '@weightless/codec'
import { useSyncExternalStore } from 'react'

let shown: Hex | undefined
const listeners = new Set<() => void>()

export function useShownFile(): Hex | undefined {
  return useSyncExternalStore(subscribe, () => shown)
}

export function showFile(root: Hex): void {
  shown = root
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
