/** The check itself, off the page: weights by root, every segment proven, the answer computed again, the verdict sent back. */
import type { Hex } from '@weightless/codec'
import { createBrowserEnv } from '@weightless/env/browser'
import { type Bundle, readBundle, type Verification } from '@weightless/receipt'
import { type Client, createClient } from '@weightless/sdk'
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { cacheModel, dropCachedModel, readCachedModel } from './modelCache.ts'

export type VerifyRequest = { config: NetworkConfig; bundle: unknown }

export type VerifyProgress = {
  stage: 'starting' | 'cached' | 'loading' | 'hashing' | 'opening' | 'executing'
  done: number
  total: number
  unit: 'bytes' | 'tokens'
}

export type VerifyAnswerMessage =
  /** Messages before it are lost, because the kernels below are awaited while this module loads. */
  | { type: 'ready' }
  | { type: 'progress'; progress: VerifyProgress }
  | { type: 'finished'; outcome: Verification; tookMs: number; fromCache: boolean }
  | { type: 'failed'; message: string }

const say = (message: VerifyAnswerMessage) => self.postMessage(message)
const report = (stage: VerifyProgress['stage'], done = 0, total = 0, unit: VerifyProgress['unit'] = 'bytes') =>
  say({ type: 'progress', progress: { stage, done, total, unit } })

self.onmessage = ({ data }: MessageEvent<VerifyRequest>) => {
  verify(data).catch((error: unknown) =>
    say({ type: 'failed', message: error instanceof Error ? error.message : String(error) }),
  )
}

say({ type: 'ready' })

async function verify({ config, bundle }: VerifyRequest): Promise<void> {
  const startMs = performance.now()
  const read = readBundle(bundle)
  if (!read.ok) throw new Error(read.detail ?? 'The receipt cannot be read.')
  const client = createClient({ config, env: createBrowserEnv() })
  const first = await check(client, read.value, 'cache first')
  // What was kept here may have been damaged since; that must not be held against the provider.
  const damaged = first.fromCache && !first.outcome.accepted && first.outcome.fault === 'weights'
  if (damaged) await dropCachedModel(read.value.receipt.modelRoot)
  const result = damaged ? await check(client, read.value, 'network') : first
  say({ type: 'finished', ...result, tookMs: performance.now() - startMs })
}

async function check(
  client: Client,
  bundle: Bundle,
  weightsFrom: 'cache first' | 'network',
): Promise<{ outcome: Verification; fromCache: boolean }> {
  let fromCache = false
  const outcome = await client.receipts.verify(bundle, {
    async loadWeights(root) {
      report('cached')
      const kept = weightsFrom === 'network' ? undefined : await readCachedModel(root)
      fromCache = kept !== undefined
      return kept ?? fetchModel(client, root)
    },
    onProgress: ({ stage, done, total }) => {
      if (stage === 'hashing') report('hashing', done, total)
      if (stage === 'loading') report('opening', done, total)
      if (stage === 'replaying') report('executing', done, total, 'tokens')
    },
  })
  return { outcome, fromCache }
}

async function fetchModel(client: Client, root: Hex): Promise<Uint8Array> {
  report('loading')
  const bytes = await client.files.download(root, {
    isRaw: true,
    onProgress: ({ doneBytes, totalBytes }) => report('loading', doneBytes, totalBytes),
  })
  await cacheModel(root, bytes)
  return bytes
}
