/** Where a bundle is kept in the data directory. The id comes from a gateway, so it must not choose the folder. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Bundle } from '@weightless/receipt'
import { bundleToJson } from '@weightless/receipt'

export function receiptFile(dataFolder: string, receiptId: string): string {
  const name = receiptId.replace(/[^0-9A-Za-z_-]/g, '').slice(0, 128) || 'receipt'
  return join(dataFolder, 'receipts', `${name}.json`)
}

/** Readable by its user alone: an opening holds the question and the answer. Returns the full path. */
export function keepBundle(path: string, bundle: Bundle): string {
  const target = resolve(path)
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
  writeFileSync(target, `${JSON.stringify(bundleToJson(bundle))}\n`, { mode: 0o600 })
  return target
}

/** Beside the bundle: with them its fingerprint is weighed. */
export function exchangeFiles(bundlePath: string): { request: string; response: string } {
  const stem = bundlePath.replace(/\.json$/, '')
  return { request: `${stem}.request`, response: `${stem}.response` }
}

export function keepExchange(bundlePath: string, exchange: { request: Uint8Array; response: Uint8Array }): void {
  const files = exchangeFiles(bundlePath)
  for (const name of ['request', 'response'] as const) writeFileSync(files[name], exchange[name], { mode: 0o600 })
}
