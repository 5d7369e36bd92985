/** How a file or a folder is stored and read. */
import type { PutOptions } from '@weightless/blobs'

export type UploadOptions = Omit<PutOptions, 'tags' | 'isAnew'> & {
  /** Anyone who learns the root may read it; otherwise only this account can. */
  isPublic?: boolean
}

export type ReadOptions = {
  signal?: AbortSignal /** Give a private file as it is stored, encrypted. */
  isRaw?: boolean
}
