/**
 * Content in the storage network by its root: put once it is spooled, read back in ranges, encrypted on the way where the
 * bucket wants it. The same content has the same root, encrypted too, so it is never paid twice.
 */
import { type BlobSource, type Blobs, encryptSource, type OpenedBlob } from '@weightless/blobs'
import { type Hex, WeightlessError } from '@weightless/codec'
import { aesCtr, contentNonce, encodeEncryptionHeader } from '@weightless/crypto'
import type { ObjectRecord } from '../catalog/records.ts'
import type { ContentId } from './contentId.ts'

export type ContentStore = {
  /**
   * Resolves when the content is final in the network. Encrypted, it can be decrypted by any client of 0G storage that is
   * given the gateway's key.
   */
  put(source: BlobSource, contentId: ContentId, encrypted: boolean): Promise<Stored>
  /** Bytes `[from, to)` of an object, in order; pulled only as fast as they are read. */
  stream(object: ObjectRecord, from: number, to: number, signal: AbortSignal): AsyncGenerator<Uint8Array>
}

/** What the catalogue must remember to read the content again; no root where there were no bytes. */
type Stored = Pick<ObjectRecord, 'root' | 'nonce'>

type Reader = Pick<OpenedBlob, 'read' | 'stream'>

const openMax = 64
const headerBytes = encodeEncryptionHeader(new Uint8Array(16)).length
/** Below it a range is read at once, without segments ahead of it. */
const smallBytes = 512 * 1024

/** @param key - 32 bytes: whoever has it can read everything that was encrypted with it */
export function createContentStore(blobs: Blobs, key: Uint8Array): ContentStore {
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
    const shift = object.nonce === undefined ? 0 : headerBytes
    if (blob.sizeBytes !== object.sizeBytes + shift) {
      throw new ContentSizeError({ root, sizeBytes: blob.sizeBytes, wantedBytes: object.sizeBytes + shift })
    }
    const nonce = object.nonce === undefined ? undefined : new Uint8Array(Buffer.from(object.nonce, 'base64'))
    let at = from
    for await (const piece of piecesOf(blob, from + shift, to + shift, signal)) {
      yield nonce ? aesCtr(key, nonce, at, piece) : piece
      at += piece.length
    }
  }

  return {
    async put(source, contentId, encrypted) {
      if (source.sizeBytes === 0) return {}
      const nonce = contentNonce(key, contentId, source.sizeBytes)
      const sent = encrypted ? encryptSource(source, { key, nonce }) : source
      const { root } = await blobs.put(sent, { until: 'final' })
      return encrypted ? { root, nonce: Buffer.from(nonce).toString('base64') } : { root }
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
    const taken = piece.subarray(0, left)
    left -= taken.length
    yield taken
    if (left <= 0) return
  }
}

class ContentSizeError extends WeightlessError {
  constructor(facts: { root: Hex; sizeBytes: number; wantedBytes: number }) {
    super('s3/content-size', 'The network says another size of this content than was put.', facts)
  }
}
