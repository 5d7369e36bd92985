/** Certificate revocation lists (RFC 5280 §5): who issued them, until when they hold, whom they name. */
import { bytesEqual } from '@weightless/codec'
import { nistVerify } from '@weightless/crypto'
import { need, refuse } from '../refusal.ts'
import { type Certificate, extensionList, readSignatureAlgorithm, toHex } from './certificate.ts'
import {
  type Der,
  derItems,
  derNumber,
  derSignature,
  derTags,
  derTime,
  derUnsigned,
  derWholeBits,
  readDer,
} from './der.ts'

export type RevocationList = {
  issuer: Uint8Array
  thisUpdate: number
  nextUpdate: number
  /** Serials as `Certificate.serial` writes them. */
  revoked: ReadonlySet<string>
}

export const revocationListBytesMax = 1_048_576

/**
 * Reads a list and checks that `issuer` signed it and that it holds at `atSeconds`.
 * @throws {Refusal}
 */
export function checkRevocationList(
  bytes: Uint8Array,
  issuer: Certificate,
  atSeconds: number,
  what: string,
): RevocationList {
  need(bytes.length <= revocationListBytesMax, 'malformed', `${what} is too large`)
  const outer = derItems(readDer(bytes))
  need(outer.length === 3, 'malformed', `${what} has three parts`)
  const [signed, algorithm, signature] = outer as [Der, Der, Der]
  const list = readFields(signed, algorithm, what)
  need(bytesEqual(list.issuer, issuer.subject), 'chain', `${what} was issued by somebody else`)
  need(
    issuer.isAuthority && issuer.keyUsage?.has('cRLSign') === true,
    'chain',
    `the issuer of ${what} may not sign lists`,
  )
  const curve = readSignatureAlgorithm(algorithm)
  need(curve === issuer.curve, 'unsupported', `${what} has an algorithm that is not of its issuer's key`)
  const pair = derSignature(derWholeBits(signature), curve === 'P-256' ? 32 : 48)
  need(nistVerify(curve, pair, signed.bytes, issuer.publicKey), 'signature', `${what} is not signed by its issuer`)
  need(atSeconds >= list.thisUpdate, 'not-yet-valid', `${what} is of a later time`)
  need(atSeconds <= list.nextUpdate, 'expired', `${what} is out of date`)
  return list
}

function readFields(signed: Der, algorithm: Der, what: string): RevocationList {
  const fields = derItems(signed)
  const [version, inner, issuer, from, to] = fields as [Der, Der, Der, Der, Der]
  need(
    fields.length >= 5 && fields.length <= 7 && derNumber(version) === 1,
    'malformed',
    `${what} has another version than 2`,
  )
  need(bytesEqual(inner.bytes, algorithm.bytes), 'malformed', `${what} names two signature algorithms`)
  const rest = fields.slice(5)
  const revoked = new Set<string>()
  if (rest[0]?.tag === derTags.sequence) {
    for (const entry of derItems(rest.shift()!)) {
      const [serial, , extensions] = derItems(entry)
      if (extensions) refuseCritical(extensions, what)
      revoked.add(toHex(derUnsigned(serial)))
    }
  }
  if (rest[0]) {
    need(rest.length === 1 && rest[0].tag === 0xa0, 'malformed', `${what} has unknown fields`)
    refuseCritical(readDer(rest[0].content), what)
  }
  return { issuer: issuer.bytes, thisUpdate: derTime(from), nextUpdate: derTime(to), revoked }
}

/** A critical extension can narrow what the list is about (RFC 5280 §5.2.5), and none is known here. */
function refuseCritical(extensions: Der, what: string): void {
  for (const { oid, isCritical } of extensionList(extensions)) {
    if (isCritical) refuse('unsupported', `critical extension ${oid} in ${what}`)
  }
}
