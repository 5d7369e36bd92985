/** One upload from choice to proof, as a small state machine. */
import { useQueryClient } from '@tanstack/react-query'
import type { Hex } from '@weightless/codec'
import type { Client, FileProgress, FileQuote, StoredFile } from '@weightless/sdk'
import { useCallback, useRef, useState } from 'react'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { keepFileRecord } from './fileRecords.ts'

export type UploadState =
  | { step: 'idle' }
  | { step: 'quoted'; file: File; quote: FileQuote | undefined; error: unknown }
  | { step: 'uploading'; file: File; progress: UploadProgress | undefined }
  | { step: 'stored'; file: File; stored: StoredFile }
  | { step: 'failed'; file: File; error: unknown }

/** The SDK's phases, and the one that the console adds: reading all of it back with proofs. */
export type UploadProgress = { phase: FileProgress['phase'] | 'proving'; doneBytes: number; totalBytes: number }

export function useUpload() {
  const loadClient = useLoadClient()
  const queries = useQueryClient()
  const [state, setState] = useState<UploadState>({ step: 'idle' })
  const stop = useRef<AbortController>(undefined)

  const choose = useCallback(
    async (file: File) => {
      setState({ step: 'quoted', file, quote: undefined, error: undefined })
      const result = await loadClient()
        .then((client) => client.files.quote(file.size))
        .then((quote) => ({ quote, error: undefined }))
        .catch((error: unknown) => ({ quote: undefined, error }))
      // Another file may have been chosen in the meantime.
      setState((now) => (now.step === 'quoted' && now.file === file ? { step: 'quoted', file, ...result } : now))
    },
    [loadClient],
  )

  const start = useCallback(async () => {
    if (state.step !== 'quoted' && state.step !== 'failed') return
    const { file } = state
    const control = new AbortController()
    stop.current = control
    setState({ step: 'uploading', file, progress: undefined })
    try {
      const client = await loadClient()
      const onProgress = (progress: UploadProgress) => setState({ step: 'uploading', file, progress })
      const stored = await client.files.upload(toSource(file), { onProgress, signal: control.signal })
      await proveFile(client, stored.root, onProgress, control.signal)
      keepFileRecord({
        root: stored.root,
        name: file.name,
        sizeBytes: stored.sizeBytes,
        storedAtMs: Date.now(),
        feeWei: String(stored.feeWei),
        ...(stored.txHash && { txHash: stored.txHash }),
      })
      setState({ step: 'stored', file, stored })
      void queries.invalidateQueries({ queryKey: ['files'] })
    } catch (error) {
      setState(control.signal.aborted ? { step: 'idle' } : { step: 'failed', file, error })
    }
  }, [state, loadClient, queries])

  const cancel = useCallback(() => stop.current?.abort(), [])
  const reset = useCallback(() => setState({ step: 'idle' }), [])
  return { state, choose, start, cancel, reset }
}

/** Read in pieces, so that a large file never lies in memory whole. */
function toSource(file: File) {
  return {
    sizeBytes: file.size,
    read: async (offset: number, length: number) =>
      new Uint8Array(await file.slice(offset, offset + length).arrayBuffer()),
  }
}

/** Reads everything back; each segment is checked against the root on its way in. */
async function proveFile(
  client: Client,
  root: Hex,
  onProgress: (progress: UploadProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const blob = await client.files.open(root, { signal })
  let doneBytes = 0
  for await (const piece of blob.stream({ signal })) {
    doneBytes += piece.length
    onProgress({ phase: 'proving', doneBytes, totalBytes: blob.sizeBytes })
  }
}
