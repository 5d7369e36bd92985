/** How long ago, kept current by one shared second. */
import { useSyncExternalStore } from 'react'
import { formatAge } from './formatAmount.ts'

export function Age({ seconds }: { seconds: bigint | number }) {
  const nowMs = useSyncExternalStore(subscribe, () => currentMs)
  const at = Number(seconds)
  return (
    <time
      dateTime={new Date(at * 1000).toISOString()}
      title={new Date(at * 1000).toLocaleString()}
      className="whitespace-nowrap tabular-nums"
    >
      {formatAge(at, nowMs)}
    </time>
  )
}

let currentMs = Date.now()
let timer: ReturnType<typeof setInterval> | undefined
const listeners = new Set<() => void>()

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    currentMs = Date.now()
    for (const each of listeners) each()
  }, 1_000)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}
