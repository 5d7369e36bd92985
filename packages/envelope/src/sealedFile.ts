/**
 * A file that one provider alone can open, and only on behalf of the account that sealed it: who copies it has nothing of it, and
 * nobody can have the provider work on it for somebody else. Sealed in pieces, so that neither order nor end can be changed. Spec: ENVELOPE §7.
 */
import { bytesEqual, bytesToHex, concatBytes, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { EnvelopeInvalidError } from './envelope.ts'
import type { EnvelopeKey } from './envelopeKey.ts'
import { setUpRecipient, setUpSender } from './suite.ts'

/** Accounts; the case of their hex does not matter. */
export type SealedFileParties = { provider: Hex; user: Hex }

const magic = textToBytes('WLE1')
const info = textToBytes('weightless/sealed-file/v1')
const pieceBytes = 1 << 20
const tagBytes = 16
const [keyIdAt, providerAt, userAt, encAt, headBytes] = [4, 12, 32, 52, 84]

/** What sealing adds at most to a file of so many bytes. */
export function sealedExtraBytes(sizeBytes: number): number {
  return headBytes + tagBytes * Math.max(1, Math.ceil(sizeBytes / pieceBytes))
}

/** @param recipient - the provider's X25519 key @param ephemeralSeed - fixes the sender's key, for published vectors alone */
export async function sealFile(
  plain: Uint8Array,
  {
    recipient,
    provider,
    user,
    ephemeralSeed,
  }: SealedFileParties & { recipient: Uint8Array; ephemeralSeed?: Uint8Array },
): Promise<Uint8Array> {
  const sender = await setUpSender(recipient, info, ephemeralSeed)
  const keyId = sha256(recipient).subarray(0, providerAt - keyIdAt)
  const head = concatBytes([magic, keyId, hexToBytes(provider), hexToBytes(user), sender.enc])
  const pieces: Uint8Array[] = []
  for (let at = 0; at === 0 || at < plain.length; at += pieceBytes) {
    const isLast = at + pieceBytes >= plain.length
    pieces.push(await sender.seal(plain.subarray(at, at + pieceBytes), boundBytes(head, isLast)))
  }
  return concatBytes([head, ...pieces])
}

export function isSealedFile(bytes: Uint8Array): boolean {
  return bytesEqual(bytes.subarray(0, magic.length), magic)
}

/** @throws {EnvelopeInvalidError} for another provider, key or user, cut off, or changed */
export async function openSealedFile(
  file: Uint8Array,
  { privateKey, publicKey }: EnvelopeKey,
  { provider, user }: SealedFileParties,
): Promise<Uint8Array> {
  if (!isSealedFile(file) || file.length < headBytes + tagBytes) throw new EnvelopeInvalidError('it is no sealed file')
  const head = file.subarray(0, headBytes)
  const isFor = (from: number, to: number, whom: Hex) => bytesToHex(head.subarray(from, to)) === whom.toLowerCase()
  if (!isFor(providerAt, userAt, provider)) throw new EnvelopeInvalidError('it is sealed to another provider')
  if (!isFor(userAt, encAt, user)) throw new EnvelopeInvalidError('it was sealed by another account')
  const keyId = sha256(publicKey).subarray(0, providerAt - keyIdAt)
  if (!bytesEqual(head.subarray(keyIdAt, providerAt), keyId))
    throw new EnvelopeInvalidError('it is sealed to another key')
  const pieces: Uint8Array[] = []
  try {
    const recipient = await setUpRecipient(privateKey, head.subarray(encAt), info)
    for (let at = headBytes; at < file.length; at += pieceBytes + tagBytes) {
      const isLast = at + pieceBytes + tagBytes >= file.length
      pieces.push(await recipient.open(file.subarray(at, at + pieceBytes + tagBytes), boundBytes(head, isLast)))
    }
  } catch (cause) {
    throw new EnvelopeInvalidError('its seal is broken', cause)
  }
  return concatBytes(pieces)
}

/** Authenticated beside each piece: the head, and whether it is the last. */
function boundBytes(head: Uint8Array, isLast: boolean): Uint8Array {
  return concatBytes([head, Uint8Array.of(isLast ? 1 : 0)])
}
