/** Reads the values that clients put into JSON: liberal in form, strict in meaning. Spec: storage §6. */
import { accept, type Hex, hexToBytes, isHexOf, reject, type Verdict } from '@weightless/codec'
import type { SegmentFrame } from '../wire/index.ts'

/** A 32-byte hash in any letter case, returned in lower case. */
export function readHash(value: unknown): Hex | undefined {
  return isHexOf(value, 32) ? (value.toLowerCase() as Hex) : undefined
}

/** A whole number, or the decimal digits of one. */
export function readCount(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

/** A segment as `zgs_uploadSegment` carries it. */
export function readSegment(value: unknown): Verdict<{ root: Hex; frame: SegmentFrame }, 'segment-malformed'> {
  if (typeof value !== 'object' || value === null) return reject('segment-malformed', 'expected an object')
  const { root, data, index, proof, fileSize } = value as { readonly [name: string]: unknown }
  const hash = readHash(root)
  if (!hash) return reject('segment-malformed', 'root: expected a 32-byte hash')
  const bytes = readBase64(data)
  if (!bytes) return reject('segment-malformed', 'data: expected base64')
  const segmentIndex = readCount(index)
  if (segmentIndex === undefined) return reject('segment-malformed', 'index: expected an unsigned integer')
  const sizeBytes = readCount(fileSize)
  if (sizeBytes === undefined) return reject('segment-malformed', 'fileSize: expected an unsigned integer')
  const segmentProof = readProof(proof)
  if (!segmentProof) return reject('segment-malformed', 'proof: expected a lemma of hashes and a path of booleans')
  return accept({ root: hash, frame: { sizeBytes, index: segmentIndex, proof: segmentProof, data: bytes } })
}

function readProof(value: unknown): SegmentFrame['proof'] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { lemma, path } = value as { readonly [name: string]: unknown }
  if (!Array.isArray(lemma) || !Array.isArray(path) || lemma.length > lemmaMax || path.length > lemmaMax)
    return undefined
  if (!lemma.every((hash) => isHexOf(hash, 32)) || !path.every((step) => typeof step === 'boolean')) return undefined
  return { lemma: lemma.map((hash: Hex) => hexToBytes(hash)), path: path as boolean[] }
}

/** Long ones were decoded with the request (`parseRequest.ts`). */
function readBase64(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value.length <= base64Max ? value : undefined
  if (typeof value !== 'string' || value.length % 4 !== 0 || value.length > base64Max) return undefined
  const bytes = Buffer.from(value, 'base64')
  const padding = value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0
  // The decoder stops at the first foreign character, so a full length proves that there was none.
  return bytes.length === (value.length / 4) * 3 - padding ? bytes : undefined
}

/** Trees of files have at most 2^34 segments. */
const lemmaMax = 66
const base64Max = 32 * 1024 * 1024
