/**
 * A sorted store with changes waiting in front of it: they are readable at once, and go to disk in one batch while the next
 * ones gather, so that a hundred small changes cost one flush. Text keys; what a batch holds is there whole or not at all.
 */
import { bytesToText, textToBytes } from '@weightless/codec'
import type { SortedStore } from '../sorted/sortedStore.ts'

export type StagedStore = {
  /** The newest value, durable or not. */
  get(key: string): Uint8Array | undefined
  /** An undefined value removes the key. The bytes belong to the store from then on. */
  set(key: string, value: Uint8Array | undefined): void
  /** Resolves when everything set before the call is durable. @throws what the disk threw; the changes wait for the next call */
  flush(): Promise<void>
  /** Entries whose key has a prefix, in order, behind the key `after`. */
  list(prefix: string, limit: number, after?: string): { key: string; value: Uint8Array }[]
}

type Changes = Map<string, Uint8Array | undefined>

export function stageChanges(store: SortedStore): StagedStore {
  let waiting: Changes = new Map()
  let flying: Changes | undefined
  let flight: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined

  async function write(): Promise<void> {
    next = undefined
    if (waiting.size === 0) return
    const changes = waiting
    flying = changes
    waiting = new Map()
    try {
      await store.batch([...changes].map(([key, value]) => ({ key: textToBytes(key), value })))
    } catch (fault) {
      // What was set anew meanwhile is newer.
      waiting = new Map([...changes, ...waiting])
      throw fault
    } finally {
      flying = undefined
    }
  }

  return {
    get(key) {
      if (waiting.has(key)) return waiting.get(key)
      if (flying?.has(key)) return flying.get(key)
      return store.get(textToBytes(key))
    },
    set: (key, value) => void waiting.set(key, value),
    flush() {
      if (next) return next
      next = flight.then(write)
      flight = next.catch(() => undefined)
      return next
    },
    list(prefix, limit, after) {
      const changed = new Map([...(flying ?? []), ...waiting].filter(([key]) => isWithin(key, prefix, after)))
      const start = textToBytes(after === undefined ? prefix : `${after}\0`)
      const end = textToBytes(`${prefix}\x7f`)
      const stored = store.range({ start, end, limit: limit + changed.size })
      const merged = new Map(stored.map(({ key, value }) => [bytesToText(key), value as Uint8Array | undefined]))
      for (const [key, value] of changed) merged.set(key, value)
      return [...merged]
        .filter((entry): entry is [string, Uint8Array] => entry[1] !== undefined)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .slice(0, limit)
        .map(([key, value]) => ({ key, value }))
    },
  }
}

const isWithin = (key: string, prefix: string, after: string | undefined): boolean =>
  key.startsWith(prefix) && (after === undefined || key > after)
