/**
 * Quotes made without hardware, for developing: anybody can make one, so it proves nothing. It says so in its first bytes, its
 * verdict says `dev`, and it is refused unless the policy allows it. ATTESTATION §6.
 */
import { bytesEqual, bytesToUint, concatBytes, textToBytes, uintToBytes } from '@weightless/codec'
import { nistPublicKey, nistSign, nistVerify } from '@weightless/crypto'
import { type AttestationVerdict, judge, need } from '../refusal.ts'

/** No quote of hardware begins with these bytes. */
export const devMagic = textToBytes('WLDEVQT1')
const signedLength = 8 + 8 + 48 + 64 + 64
export const devQuoteBytes = signedLength + 64

export type DevPolicy = {
  atSeconds: number
  /** Only with this is a quote without hardware taken at all. */
  allowDev?: boolean | undefined
  reportData?: Uint8Array | undefined
  measurement?: Uint8Array | undefined
}

export type DevAttestation = {
  tee: 'dev'
  issuedSeconds: number
  measurement: Uint8Array
  reportData: Uint8Array
  publicKey: Uint8Array
}

/**
 * 256 bytes: magic 8, seconds u64, measurement 48, report data 64, key x | y 64, signature r | s 64; integers big-endian.
 * @param secretKey - P-256, 32 bytes
 */
export function makeDevQuote(
  { issuedSeconds, measurement, reportData }: Pick<DevAttestation, 'issuedSeconds' | 'measurement' | 'reportData'>,
  secretKey: Uint8Array,
): Uint8Array {
  const key = nistPublicKey('P-256', secretKey).subarray(1)
  const signed = concatBytes([devMagic, uintToBytes(BigInt(issuedSeconds), 8), measurement, reportData, key])
  return concatBytes([signed, nistSign('P-256', signed, secretKey)])
}

export function isDevQuote(bytes: Uint8Array): boolean {
  return bytesEqual(bytes.subarray(0, devMagic.length), devMagic)
}

export function verifyDevQuote(bytes: Uint8Array, policy: DevPolicy): AttestationVerdict<DevAttestation> {
  return judge(() => {
    need(isDevQuote(bytes) && bytes.length === devQuoteBytes, 'malformed', 'this is no dev quote')
    need(policy.allowDev === true, 'dev', 'the quote was made without hardware')
    const publicKey = Uint8Array.from([4, ...bytes.subarray(128, signedLength)])
    const isSigned = nistVerify('P-256', bytes.subarray(signedLength), bytes.subarray(0, signedLength), publicKey)
    need(isSigned, 'signature', 'the dev quote is not signed by its own key')
    const issuedSeconds = Number(bytesToUint(bytes.subarray(8, 16)))
    need(policy.atSeconds >= issuedSeconds, 'not-yet-valid', 'the dev quote is of a later time')
    const [measurement, reportData] = [bytes.subarray(16, 64), bytes.subarray(64, 128)]
    need(
      !policy.reportData || bytesEqual(policy.reportData, reportData),
      'report-data',
      'the quote is bound to other data',
    )
    need(!policy.measurement || bytesEqual(policy.measurement, measurement), 'measurement', 'the measurement differs')
    return { tee: 'dev', issuedSeconds, measurement, reportData, publicKey }
  })
}
