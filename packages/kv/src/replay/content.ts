/** A transaction's bytes, wherever they come from, as ranges; and why they may not come. Spec: kv §3. */
import { BlobMissingError, type Blobs, type OpenedBlob, StorageUnavailableError } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import { NetworkError } from '@weightless/env'

export type Content = {
  sizeBytes: number
  /** Encrypted, and the node lacks the key. */
  isLocked: boolean
  /** Exactly as long as asked, within the size. */
  read(offset: number, length: number, signal: AbortSignal): Promise<Uint8Array>
}

/** `absent`: nobody holds it in full; `broken`: somebody says so but does not give it; `unreachable`: nobody could be asked. */
export type ContentFault = 'absent' | 'broken' | 'unreachable'

export type ContentSource = {
  /** @throws whatever `faultOf` explains */
  open(root: Hex, sizeBytes: number, signal: AbortSignal): Promise<Content>
  faultOf(error: unknown): ContentFault
}

const openedMax = 64

/** Reads through `blobs`, where every byte is proved against the root; files opened lately stay open. */
export function createContentSource(blobs: Pick<Blobs, 'openBlob'>): ContentSource {
  const opened = new Map<Hex, Promise<OpenedBlob>>()
  const open = (root: Hex, signal: AbortSignal): Promise<OpenedBlob> => {
    const held = opened.get(root)
    opened.delete(root)
    const opening = held ?? blobs.openBlob(root, { signal })
    opened.set(root, opening)
    opening.catch(() => opened.delete(root))
    if (opened.size > openedMax) opened.delete(opened.keys().next().value!)
    return opening
  }
  return {
    async open(root, sizeBytes, signal) {
      const blob = await open(root, signal)
      return {
        sizeBytes,
        isLocked: false,
        async read(offset, length, readSignal) {
          const wanted = Math.max(0, Math.min(length, sizeBytes - offset))
          const bytes = await blob.read(offset, wanted, readSignal)
          if (bytes.length === wanted) return bytes
          // A root says nothing about how many zeros end a file: another submission of it may be shorter.
          const padded = new Uint8Array(wanted)
          padded.set(bytes)
          return padded
        },
      }
    },
    faultOf(error) {
      if (error instanceof BlobMissingError) return 'absent'
      // Whatever else goes wrong with one file must not be waited for without end.
      return error instanceof NetworkError || error instanceof StorageUnavailableError ? 'unreachable' : 'broken'
    },
  }
}
