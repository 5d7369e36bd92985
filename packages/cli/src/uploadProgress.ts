/** The progress of an upload on the terminal, with the reading that a private file needs before anything else, for its key. */
import type { FileProgress, FolderFile } from '@weightless/sdk'
import { createProgressBar } from './progressBar.ts'

export type UploadProgress = {
  /** The same source, whose reads are shown until the upload itself says how far it is. */
  watch(source: FolderFile['source']): FolderFile['source']
  onProgress(progress: FileProgress): void
  finish(): void
}

export function createUploadProgress(totalBytes: number): UploadProgress {
  const bar = createProgressBar('storing')
  let isUnderWay = false
  let readBytes = 0
  return {
    watch: (source) => ({
      ...source,
      async read(offset, length) {
        const bytes = await source.read(offset, length)
        readBytes += bytes.length
        if (!isUnderWay) bar.update(readBytes, totalBytes, label('preparing'))
        return bytes
      },
    }),
    onProgress(progress) {
      isUnderWay = true
      bar.update(progress.doneBytes, progress.totalBytes, label(progress.phase))
    },
    finish: () => bar.finish(),
  }
}

const label = (phase: string): string => phase.padEnd(10)
