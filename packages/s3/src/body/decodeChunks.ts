/**
 * The aws-chunked coding of bodies: `size;chunk-signature=…\r\n data \r\n … 0…\r\n trailers \r\n`. It is read as it comes,
 * a chunk of any size without being held; each chunk's signature is checked when its last byte has been seen, and whatever
 * came before is thrown away by the caller if one is wrong.
 */
import { timingSafeEqual } from 'node:crypto'
import { accept, bytesToHex, reject, textToBytes } from '@weightless/codec'
import { createSha256, type Sha256Stream, sha256 } from '@weightless/crypto'
import { hmacSha256 } from '../auth/sha256Hmac.ts'
import type { S3Verdict } from '../faultCodes.ts'
import { emptySha256 } from './checksums.ts'

export type ChunkDecoder = {
  /** Takes the next wire bytes and hands on what they carry. */
  push(bytes: Uint8Array, emit: (payload: Uint8Array) => void): S3Verdict<undefined>
  /** After the last byte: the trailers, names in lower case. */
  finish(): S3Verdict<ReadonlyMap<string, string>>
}

/** What the chunks' signatures continue from; absent for unsigned chunks. */
export type ChunkSigning = { signingKey: Uint8Array; longDate: string; scope: string; seedSignature: string }

const lineBytesMax = 4096
const trailersMax = 16

export function createChunkDecoder(signing: ChunkSigning | undefined, hasTrailer: boolean): ChunkDecoder {
  return new Decoder(signing, hasTrailer)
}

class Decoder implements ChunkDecoder {
  #state: 'size' | 'data' | 'dataEnd' | 'trailer' | 'done' = 'size'
  #line = ''
  #left = 0
  #hash: Sha256Stream | undefined
  #chunkSignature = ''
  #previous: string
  #trailerText = ''
  readonly #trailers = new Map<string, string>()
  readonly #signing: ChunkSigning | undefined
  readonly #hasTrailer: boolean

  constructor(signing: ChunkSigning | undefined, hasTrailer: boolean) {
    this.#signing = signing
    this.#hasTrailer = hasTrailer
    this.#previous = signing?.seedSignature ?? ''
  }

  push(bytes: Uint8Array, emit: (payload: Uint8Array) => void): S3Verdict<undefined> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#state === 'data') {
        const piece = bytes.subarray(at, at + this.#left)
        this.#hash?.update(piece)
        emit(piece)
        this.#left -= piece.length
        at += piece.length
        if (this.#left === 0) this.#state = 'dataEnd'
        continue
      }
      const end = bytes.indexOf(10, at)
      const stop = end < 0 ? bytes.length : end + 1
      this.#line += Buffer.from(bytes.buffer, bytes.byteOffset + at, stop - at).toString('latin1')
      if (this.#line.length > lineBytesMax) return reject('InvalidRequest', 'A line of the chunked body is too long.')
      at = stop
      if (end < 0) break
      const line = this.#line.replace(/\r?\n$/, '')
      this.#line = ''
      const taken = this.#takeLine(line)
      if (!taken.ok) return taken
    }
    return accept(undefined)
  }

  finish(): S3Verdict<ReadonlyMap<string, string>> {
    // Some clients leave out the empty line after the last chunk or the last trailer.
    if (this.#state === 'trailer' && this.#line === '') {
      const ended = this.#takeLine('')
      if (!ended.ok) return ended
    }
    return this.#state === 'done' && this.#line === '' ? accept(this.#trailers) : reject('IncompleteBody')
  }

  #takeLine(line: string): S3Verdict<undefined> {
    switch (this.#state) {
      case 'size':
        return this.#takeSize(line)
      case 'dataEnd':
        if (line !== '') return malformed
        this.#state = 'size'
        return this.#closeChunk()
      case 'trailer':
        return line === '' ? this.#closeTrailer() : this.#takeTrailer(line)
      default:
        return malformed
    }
  }

  #takeSize(line: string): S3Verdict<undefined> {
    const parts = /^([0-9a-fA-F]{1,12})\s*(?:;\s*chunk-signature=([0-9a-f]{64}))?$/.exec(line)
    if (!parts || (this.#signing && parts[2] === undefined)) return malformed
    this.#left = Number.parseInt(parts[1]!, 16)
    this.#chunkSignature = parts[2] ?? ''
    this.#hash = this.#signing && createSha256()
    this.#state = this.#left > 0 ? 'data' : 'trailer'
    return this.#left > 0 ? accept(undefined) : this.#closeChunk()
  }

  #closeChunk(): S3Verdict<undefined> {
    if (!this.#signing || !this.#hash) return accept(undefined)
    const digest = bytesToHex(this.#hash.digest()).slice(2)
    this.#hash = undefined
    return this.#check('AWS4-HMAC-SHA256-PAYLOAD', [emptySha256, digest], this.#chunkSignature)
  }

  #takeTrailer(line: string): S3Verdict<undefined> {
    const colon = line.indexOf(':')
    if (!this.#hasTrailer || colon < 1 || this.#trailers.size >= trailersMax) return malformed
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (name !== trailerSignature) this.#trailerText += `${name}:${value}\n`
    this.#trailers.set(name, value)
    return accept(undefined)
  }

  #closeTrailer(): S3Verdict<undefined> {
    this.#state = 'done'
    if (!this.#signing || !this.#hasTrailer) return accept(undefined)
    const digest = bytesToHex(sha256(textToBytes(this.#trailerText))).slice(2)
    return this.#check('AWS4-HMAC-SHA256-TRAILER', [digest], this.#trailers.get(trailerSignature) ?? '')
  }

  #check(word: string, digests: readonly string[], signature: string): S3Verdict<undefined> {
    const { signingKey, longDate, scope } = this.#signing!
    const text = [word, longDate, scope, this.#previous, ...digests].join('\n')
    const wanted = hmacSha256(signingKey, text)
    this.#previous = signature
    return /^[0-9a-f]{64}$/.test(signature) && timingSafeEqual(Buffer.from(signature, 'hex'), wanted)
      ? accept(undefined)
      : reject('SignatureDoesNotMatch', 'The signature of a chunk does not match.')
  }
}

const trailerSignature = 'x-amz-trailer-signature'
const malformed = reject('InvalidRequest', 'The chunked body is malformed.')
