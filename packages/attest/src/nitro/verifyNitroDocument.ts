/** Verifies an attestation document of AWS Nitro Enclaves, down to AWS's pinned root. ATTESTATION §4. */
import { bytesEqual } from '@weightless/codec'
import { nistVerify } from '@weightless/crypto'
import { isAllZero } from '../byteReader.ts'
import { type AttestationVerdict, judge, need } from '../refusal.ts'
import { awsNitroRoot } from '../roots.ts'
import { type Certificate, readCertificate } from '../x509/certificate.ts'
import { checkChain } from '../x509/checkChain.ts'
import { type NitroDocument, parseNitroDocument } from './parseNitroDocument.ts'

export type NitroPolicy = {
  /** Seconds since the Unix epoch at which the certificates must hold; the lowest one does for about three hours. */
  atSeconds: number
  /** Measurements by index that must be equal. */
  pcrs?: { readonly [index: number]: Uint8Array } | undefined
  nonce?: Uint8Array | undefined
  userData?: Uint8Array | undefined
  publicKey?: Uint8Array | undefined
  /** An enclave in debug mode has PCR0 of zeros: refused unless this is true. */
  allowDebug?: boolean | undefined
  /** Instead of AWS's root; for tests with an authority of their own. */
  root?: Certificate | undefined
}

export type NitroAttestation = Pick<
  NitroDocument,
  'moduleId' | 'timestampMs' | 'pcrs' | 'publicKey' | 'userData' | 'nonce'
> & {
  tee: 'nitro'
  isDebug: boolean
}

/** Cost: five ECDSA checks on P-384. */
export function verifyNitroDocument(bytes: Uint8Array, policy: NitroPolicy): AttestationVerdict<NitroAttestation> {
  return judge(() => {
    const document = parseNitroDocument(bytes)
    const signer = readCertificate(document.certificate)
    const isOurs =
      signer.curve === 'P-384' && nistVerify('P-384', document.signature, document.signedBytes, signer.publicKey)
    need(isOurs, 'signature', 'the document is not signed by the key of its certificate')
    const chain = [signer, ...document.authorities.map(readCertificate).reverse()]
    checkChain(chain, policy.root ?? awsNitroRoot, policy.atSeconds, 'the chain of the document')
    const { moduleId, timestampMs, pcrs, publicKey, userData, nonce } = document
    const isDebug = isAllZero(pcrs.get(0) ?? new Uint8Array())
    need(!isDebug || policy.allowDebug === true, 'debug', 'the enclave runs in debug mode')
    checkPolicy(document, policy)
    return { tee: 'nitro', isDebug, moduleId, timestampMs, pcrs, publicKey, userData, nonce }
  })
}

function checkPolicy(document: NitroDocument, policy: NitroPolicy): void {
  for (const [index, wanted] of Object.entries(policy.pcrs ?? {})) {
    const found = document.pcrs.get(Number(index))
    need(found !== undefined && bytesEqual(found, wanted), 'measurement', `PCR${index} differs`)
  }
  const equal = (wanted: Uint8Array | undefined, found: Uint8Array | undefined): boolean =>
    wanted === undefined || (found !== undefined && bytesEqual(found, wanted))
  need(equal(policy.nonce, document.nonce), 'nonce', 'the document answers another nonce')
  need(equal(policy.userData, document.userData), 'report-data', 'the document is bound to other user data')
  need(equal(policy.publicKey, document.publicKey), 'report-data', 'the document is bound to another public key')
}
