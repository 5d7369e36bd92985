/**
 * Content in the storage network by its root: put once it is spooled, read back in ranges, encrypted on the way where the
 * bucket wants it. The same content has the same root, encrypted too, so it is never paid twice.
 */
import type { BlobSource, Blobs, OpenedBlob } from '@weightless/blobs'
import { type Hex, WeightlessError } from '@weightless/codec'
import type { ObjectRecord } from '../catalog/records.ts'
import { type ContentCipher, cipherHeaderBytes } from './contentCipher.ts'

export type ContentStore = {
  /**
   * Resolves when the content is final in the network.
   * @param contentId - names the content: the same text for the same bytes
   */
  put(source: BlobSource, contentId: string, encrypted: boolean): Promise<Stored>
  /** Bytes `[from, to)` of an object, in order; pulled only as fast as they are read. */
  stream(object: ObjectRecord, from: number, to: number, signal: AbortSignal): AsyncGenerator<Uint8Array>
}

/** What the catalogue must remember to read the content again; no root where there were no bytes. */
export type Stored = Pick<ObjectRecord, 'root' | 'nonce'>

type Reader = Pick<OpenedBlob, 'read' | 'stream'>

const openMax = 64
/** Below it a range is read at once, without segments ahead of it. */
const smallBytes = 512 * 1024

export function createContentStore(blobs: Blobs, cipher: ContentCipher): ContentStore {
  const opened = new Map<Hex, Promise<OpenedBlob>>()

  /** The newest ones stay open: finding who holds a file costs more than reading a little of it. */
  function open(root: Hex): Promise<OpenedBlob> {
    const known = opened.get(root)
    opened.delete(root)
    const blob = known ?? blobs.openBlob(root)
    opened.set(root, blob)
    blob.catch(() => opened.delete(root))
    if (opened.size > openMax) opened.delete(opened.keys().next().value!)
    return blob
  }

  async function* read(
    object: ObjectRecord,
    from: number,
    to: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const root = object.root!
    const blob = await open(root)
    const shift = object.nonce === undefined ? 0 : cipherHeaderBytes
    if (blob.sizeBytes !== object.sizeBytes + shift) {
      throw new ContentSizeError({ root, sizeBytes: blob.sizeBytes, wantedBytes: object.sizeBytes + shift })
    }
    const nonce = object.nonce === undefined ? undefined : Buffer.from(object.nonce, 'base64')
    let at = from
    for await (const piece of piecesOf(blob, from + shift, to + shift, signal)) {
      yield nonce ? cipher.crypt(nonce, at, piece) : piece
      at += piece.length
    }
  }

  return {
    async put(source, contentId, encrypted) {
      if (source.sizeBytes === 0) return {}
      const { root } = await blobs.put(encrypted ? cipher.encrypt(source, contentId) : source, { until: 'final' })
      return encrypted ? { root, nonce: Buffer.from(cipher.nonceOf(contentId)).toString('base64') } : { root }
    },
    async *stream(object, from, to, signal) {
      if (from >= to || !object.root) return
      try {
        yield* read(object, from, to, signal)
      } catch (fault) {
        // Whatever failed, the next reader asks anew who holds the file.
        opened.delete(object.root)
        throw fault
      }
    },
  }
}

async function* piecesOf(blob: Reader, from: number, to: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (to - from <= smallBytes) {
    yield await blob.read(from, to - from, signal)
    return
  }
  let left = to - from
  for await (const piece of blob.stream({ offset: from, signal })) {
    yield piece.subarray(0, left)
    left -= piece.length
    if (left <= 0) return
  }
}

export class ContentSizeError extends WeightlessError {
  constructor(facts: { root: Hex; sizeBytes: number; wantedBytes: number }) {
    super('s3/content-size', 'The network says another size of this content than was put.', facts)
  }
}
