/** The shape that sealed requests and replies share: clear fields, and `_e2ee` with the rest. Spec: ENVELOPE §3. */
import { textToBytes, WeightlessError } from '@weightless/codec'
import canonicalize from 'canonicalize'
import { fromBase64Url } from './suite.ts'

export type JsonObject = { [field: string]: unknown }

/** A request or one frame of a reply on its way. */
export type Envelope = JsonObject & { _e2ee: JsonObject }

export type SealedMeta = { sealedFields: string[]; unboundFields: string[]; ciphertext: Uint8Array }

export const metaField = '_e2ee'
export const envelopeVersion = 1

/** Sealed or unbound fields of one envelope. */
const fieldsMax = 64

/** What every envelope must have. @throws {EnvelopeInvalidError} */
export function readSealedMeta(envelope: JsonObject): SealedMeta {
  const meta = metaOf(envelope)
  const sealedFields = namesOf(meta.sealed_fields, 'sealed_fields')
  const unboundFields = namesOf(meta.unbound_fields ?? [], 'unbound_fields')
  if (sealedFields.length === 0) throw new EnvelopeInvalidError('it seals no field')
  if (unboundFields.some((name) => sealedFields.includes(name))) {
    throw new EnvelopeInvalidError('a field is both sealed and unbound')
  }
  const { ciphertext } = meta
  const bytes = typeof ciphertext === 'string' ? fromBase64Url(ciphertext) : undefined
  if (!bytes || bytes.length === 0) throw new EnvelopeInvalidError('its ciphertext is missing or not base64url')
  return { sealedFields, unboundFields, ciphertext: bytes }
}

/** The bytes that the seal authenticates: canonical JSON (RFC 8785) without the ciphertext and the unbound fields. */
export function boundBytes(envelope: JsonObject): Uint8Array {
  const meta = metaOf(envelope)
  const unbound = new Set(namesOf(meta.unbound_fields ?? [], 'unbound_fields'))
  const bound: JsonObject = {}
  for (const [name, value] of Object.entries(envelope)) if (!unbound.has(name)) bound[name] = value
  const { ciphertext: _, ...rest } = meta
  bound[metaField] = rest
  const text = canonicalize(bound)
  if (text === undefined) throw new EnvelopeInvalidError('it is not JSON')
  return textToBytes(text)
}

/** Puts the fields that were sealed back between those in the clear. @throws {EnvelopeInvalidError} */
export function mergeFields(envelope: JsonObject, plaintext: Uint8Array, sealedFields: readonly string[]): JsonObject {
  const sealed = parseObject(plaintext)
  const names = Object.keys(sealed)
  if (names.length !== sealedFields.length || !sealedFields.every((name) => Object.hasOwn(sealed, name))) {
    throw new EnvelopeInvalidError('what was sealed are not the fields that it names')
  }
  const { [metaField]: _, ...clear } = envelope
  for (const name of names) {
    if (name === metaField || Object.hasOwn(clear, name)) {
      throw new EnvelopeInvalidError('a sealed field is in the clear as well')
    }
  }
  return { ...clear, ...sealed }
}

export function metaOf(envelope: JsonObject): JsonObject {
  const meta = envelope[metaField]
  if (typeof meta === 'object' && meta !== null && !Array.isArray(meta)) return meta as JsonObject
  throw new EnvelopeInvalidError('it has no object _e2ee')
}

function namesOf(value: unknown, field: string): string[] {
  const isList = Array.isArray(value) && value.length <= fieldsMax && value.every((name) => typeof name === 'string')
  if (!isList) throw new EnvelopeInvalidError(`${field} is not a list of names`)
  const names = value as string[]
  if (names.some((name) => name === '' || name === metaField) || new Set(names).size !== names.length) {
    throw new EnvelopeInvalidError(`${field} has an empty, doubled or reserved name`)
  }
  return names
}

function parseObject(plaintext: Uint8Array): JsonObject {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plaintext))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  } catch {
    // Falls through: it is no JSON.
  }
  throw new EnvelopeInvalidError('what was sealed is not a JSON object')
}

/** An envelope that cannot be opened: malformed, tampered with, or sealed to somebody else. Nothing of it is used. */
export class EnvelopeInvalidError extends WeightlessError {
  constructor(reason: string, cause?: unknown) {
    super(
      'envelope/invalid',
      `The envelope cannot be used: ${reason}.`,
      { reason },
      cause === undefined ? {} : { cause },
    )
  }
}
