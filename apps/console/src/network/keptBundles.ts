/** Receipts with their openings, kept in this browser alone (IndexedDB): nobody else can show what was asked. */
import { bundleToJson, readBundle } from '@weightless/receipt/bundle'
import type { Bundle } from '@weightless/receipt/openedReceipt'

export type KeptBundle = { receiptId: string; keptAtMs: number; bundle: Bundle }

const bundlesMax = 500

export async function keepBundle(receiptId: string, bundle: Bundle): Promise<void> {
  const store = (await open()).transaction('bundles', 'readwrite').objectStore('bundles')
  await settle(store.put({ receiptId, keptAtMs: Date.now(), json: bundleToJson(bundle) }))
  const keys = await settle(store.index('keptAtMs').getAllKeys())
  for (const key of keys.slice(0, Math.max(0, keys.length - bundlesMax))) store.delete(key)
}

/** Newest first; a record that cannot be read any more is left out. */
export async function listBundles(): Promise<KeptBundle[]> {
  const store = (await open()).transaction('bundles').objectStore('bundles')
  const records = (await settle(store.getAll())) as { receiptId: string; keptAtMs: number; json: unknown }[]
  return records
    .sort((a, b) => b.keptAtMs - a.keptAtMs)
    .flatMap(({ receiptId, keptAtMs, json }) => {
      const verdict = readBundle(json)
      return verdict.ok ? [{ receiptId, keptAtMs, bundle: verdict.value }] : []
    })
}

let opening: Promise<IDBDatabase> | undefined

function open(): Promise<IDBDatabase> {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open('weightless', 1)
    request.onupgradeneeded = () => {
      request.result.createObjectStore('bundles', { keyPath: 'receiptId' }).createIndex('keptAtMs', 'keptAtMs')
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
  return opening
}

function settle<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
