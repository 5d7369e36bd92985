/** One upload from choice to proof, as a small state machine. */
import { useQueryClient } from '@tanstack/react-query'
import type { Hex } from '@weightless/codec'
import type { Client, FileProgress, FileQuote, StoredFile } from '@weightless/sdk'
import { useCallback, useRef, useState } from 'react'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { keepFileRecord } from './fileRecords.ts'

export type UploadState =
  | { step: 'idle' }
  | { step: 'quoted'; file: File; isPublic: boolean; quote: FileQuote | undefined; error: unknown }
  | { step: 'uploading'; file: File; isPublic: boolean; progress: UploadProgress | undefined }
  | { step: 'stored'; file: File; isPublic: boolean; stored: StoredFile; paidUntilMs: number | undefined }
  | { step: 'failed'; file: File; isPublic: boolean; error: unknown }

/** The SDK's phases, and those that the console adds: making the key, and reading all of it back with proofs. */
export type UploadProgress = Pick<FileProgress, 'doneBytes' | 'totalBytes'> & {
  phase: FileProgress['phase'] | 'sealing' | 'proving'
  bytesPerSecond?: number
  secondsLeft?: number | undefined
}

/** Of a private file, beside its content. */
const privateExtraBytes = 17

export function useUpload() {
  const loadClient = useLoadClient()
  const queries = useQueryClient()
  const [state, setState] = useState<UploadState>({ step: 'idle' })
  const stop = useRef<AbortController>(undefined)

  const choose = useCallback(
    async (file: File, isPublic = false) => {
      setState({ step: 'quoted', file, isPublic, quote: undefined, error: undefined })
      const result = await loadClient()
        .then((client) => client.files.quote(file.size + (isPublic ? 0 : privateExtraBytes)))
        .then((quote) => ({ quote, error: undefined }))
        .catch((error: unknown) => ({ quote: undefined, error }))
      // Another file, or the other way of keeping it, may have been chosen in the meantime.
      setState((now) =>
        now.step === 'quoted' && now.file === file && now.isPublic === isPublic ? { ...now, ...result } : now,
      )
    },
    [loadClient],
  )

  const start = useCallback(async () => {
    if (state.step !== 'quoted' && state.step !== 'failed') return
    const { file, isPublic } = state
    const control = new AbortController()
    stop.current = control
    const show = (progress: UploadProgress | undefined) => setState({ step: 'uploading', file, isPublic, progress })
    show(isPublic ? undefined : { phase: 'sealing', doneBytes: 0, totalBytes: file.size })
    try {
      const client = await loadClient()
      const { signal } = control
      const stored = await client.files.upload(toSource(file), { isPublic, onProgress: show, signal })
      await proveFile(client, stored.root, show, signal)
      const paidUntilMs = await client.files.paidUntilMs(stored.txSeq)
      keepFileRecord({
        root: stored.root,
        name: file.name,
        sizeBytes: file.size,
        isPrivate: !isPublic,
        storedAtMs: Date.now(),
        feeWei: String(stored.feeWei),
        ...(stored.txHash && { txHash: stored.txHash }),
      })
      setState({ step: 'stored', file, isPublic, stored, paidUntilMs })
      void queries.invalidateQueries({ queryKey: ['files'] })
    } catch (error) {
      setState(control.signal.aborted ? { step: 'idle' } : { step: 'failed', file, isPublic, error })
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
