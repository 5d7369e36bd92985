/** Checks a chain of certificates down from a root that the verifier knows already (RFC 5280 §6, without policies and name constraints). */
import { bytesEqual } from '@weightless/codec'
import { nistVerify } from '@weightless/crypto'
import { need, refuse } from '../refusal.ts'
import type { Certificate } from './certificate.ts'

const authoritiesMax = 6

/**
 * @param chain - leaf first; the root itself may stand at the end, where it must be the known one
 * @param what - named in a refusal
 * @returns leaf, and the authorities from the leaf's issuer up to the root
 * @throws {Refusal}
 */
export function checkChain(
  chain: readonly Certificate[],
  root: Certificate,
  atSeconds: number,
  what: string,
): { leaf: Certificate; authorities: Certificate[] } {
  const [leaf, ...above] = chain
  if (!leaf) return refuse('chain', `${what} has no certificate`)
  if (above.length > 0 && bytesEqual(above.at(-1)!.bytes, root.bytes)) above.pop()
  const authorities = [...above, root]
  need(authorities.length <= authoritiesMax, 'chain', `${what} is too long`)
  need(!leaf.isAuthority, 'chain', `${what} ends in an authority`)
  need(leaf.keyUsage?.has('digitalSignature') !== false, 'chain', `the last key of ${what} may not sign`)
  for (const [depth, authority] of authorities.entries()) {
    const child = depth === 0 ? leaf : authorities[depth - 1]!
    need(bytesEqual(child.issuer, authority.subject), 'chain', `${what} does not lead to the root that is trusted`)
    need(
      authority.isAuthority && authority.keyUsage?.has('keyCertSign') === true,
      'chain',
      `${what} has an issuer that may not issue`,
    )
    need(
      authority.pathLength === undefined || authority.pathLength >= depth,
      'chain',
      `${what} is longer than its issuer allows`,
    )
    const isSigned =
      child.signatureCurve === authority.curve &&
      nistVerify(authority.curve, child.signature, child.signedBytes, authority.publicKey)
    need(isSigned, 'chain', `a certificate of ${what} is not signed by its issuer`)
  }
  for (const certificate of [leaf, ...authorities]) {
    need(atSeconds >= certificate.notBefore, 'not-yet-valid', `a certificate of ${what} is of a later time`)
    need(atSeconds <= certificate.notAfter, 'expired', `a certificate of ${what} is out of date`)
  }
  return { leaf, authorities }
}
