/** The check itself, off the page: weights by root, every segment proven, the answer computed again, the verdict sent back. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { createBrowserEnv } from '@weightless/env/browser'
import { readBundle } from '@weightless/receipt'
import { createClient, fileRoot, type VerifyOutcome } from '@weightless/sdk'
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { cacheModel, dropCachedModel, readCachedModel } from './modelCache.ts'

export type VerifyRequest = { config: NetworkConfig; bundle: unknown }

export type VerifyProgress = {
  stage: 'starting' | 'cached' | 'loading' | 'hashing' | 'executing'
  done: number
  total: number
  unit: 'bytes' | 'tokens'
}

export type VerifyAnswerMessage =
  | { type: 'progress'; progress: VerifyProgress }
  | { type: 'finished'; outcome: VerifyOutcome; tookMs: number; fromCache: boolean }
  | { type: 'failed'; message: string }

const say = (message: VerifyAnswerMessage) => self.postMessage(message)
const report = (stage: VerifyProgress['stage'], done = 0, total = 0, unit: VerifyProgress['unit'] = 'bytes') =>
  say({ type: 'progress', progress: { stage, done, total, unit } })

self.onmessage = ({ data }: MessageEvent<VerifyRequest>) => {
  verify(data).catch((error: unknown) =>
    say({ type: 'failed', message: error instanceof Error ? error.message : String(error) }),
  )
}

async function verify({ config, bundle }: VerifyRequest): Promise<void> {
  const startMs = performance.now()
  const read = readBundle(bundle)
  if (!read.ok) throw new Error(read.detail ?? 'The receipt cannot be read.')
  const client = createClient({ config, env: createBrowserEnv() })
  let fromCache = false
  const outcome = await client.receipts.verify(read.value, {
    async loadModelBytes(root) {
      const kept = await loadFromCache(root)
      fromCache = kept !== undefined
      if (kept) return kept
      report('loading')
      const bytes = await client.files.download(root, {
        onProgress: ({ doneBytes, totalBytes }) => report('loading', doneBytes, totalBytes),
      })
      await cacheModel(root, bytes)
      return bytes
    },
    onProgress: ({ done, total }) => report('executing', done, total, 'tokens'),
  })
  say({ type: 'finished', outcome, tookMs: performance.now() - startMs, fromCache })
}

/** A file kept here could have been damaged since; its root tells. */
async function loadFromCache(root: Hex): Promise<Uint8Array | undefined> {
  report('cached')
  const bytes = await readCachedModel(root)
  if (!bytes) return undefined
  report('hashing', 0, bytes.length)
  if (bytesToHex(fileRoot(bytes)) === root) return bytes
  await dropCachedModel(root)
  return undefined
}
