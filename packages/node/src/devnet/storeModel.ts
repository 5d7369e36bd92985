/** Puts a model's file into the devnet's own storage network, so that verifiers and browsers load it from there by root. */
import { createBlobs } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import { addresses } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import { createLedger } from '@weightless/ledger'
import { openFileSource } from '../openFileSource.ts'
import type { DevnetKey } from './devnetKeys.ts'

/** Sends nothing when the file is there already. */
export async function storeModel(
  env: Env,
  options: {
    path: string
    payer: DevnetKey
    rpcUrl: string
    indexerUrl: string
    signal: AbortSignal
    onProgress?: (doneBytes: number, totalBytes: number) => void
  },
): Promise<{ root: Hex; sizeBytes: number }> {
  const ledger = createLedger({ rpcUrl: options.rpcUrl, env, account: options.payer.account })
  const blobs = createBlobs({ indexerUrl: options.indexerUrl, env, ledger, flowAddress: addresses.flow })
  const source = await openFileSource(options.path)
  try {
    const { root } = await blobs.put(source, {
      signal: options.signal,
      onProgress: ({ doneBytes, totalBytes }) => options.onProgress?.(doneBytes, totalBytes),
    })
    return { root, sizeBytes: source.sizeBytes }
  } finally {
    await source.close()
  }
}
