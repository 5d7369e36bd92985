/**
 * Verifies a DCAP quote of Intel SGX or TDX: from the quote's signature over the quoting enclave and the platform's certificate
 * to Intel's root, with revocation lists, the platform's state and the user's policy. ATTESTATION §3 numbers the steps.
 */
import { bytesEqual } from '@weightless/codec'
import { nistVerify, sha256 } from '@weightless/crypto'
import { isAllZero } from '../byteReader.ts'
import { type AttestationVerdict, judge, need, refuse } from '../refusal.ts'
import { intelRoot } from '../roots.ts'
import type { Certificate } from '../x509/certificate.ts'
import { checkChain } from '../x509/checkChain.ts'
import { readPemChain } from '../x509/pem.ts'
import { type CheckedCollateral, checkCollateral } from './collateral.ts'
import { checkDcapPolicy, type DcapPolicy } from './dcapPolicy.ts'
import { type DcapQuote, parseQuote } from './parseQuote.ts'
import { type PckPlatform, readPckPlatform } from './pckPlatform.ts'
import { matchQe } from './qeIdentity.ts'
import type { ReportBody } from './reportBodies.ts'
import { matchPlatform } from './tcbInfo.ts'
import { adviseRelaunch, combineTcb, type TcbJudgement, type TcbStatus } from './tcbStatus.ts'

export type DcapAttestation = {
  tee: 'sgx' | 'tdx'
  quoteVersion: 3 | 4 | 5
  status: TcbStatus
  /** Of platform, TDX module and quoting enclave, each once. */
  advisoryIds: readonly string[]
  body: ReportBody
  platform: PckPlatform
}

/**
 * Cost: ten ECDSA checks and a few hashes.
 * @param collateral - JSON of the form `dcapCollateralForm`
 */
export function verifyDcapQuote(
  bytes: Uint8Array,
  collateral: unknown,
  policy: DcapPolicy,
): AttestationVerdict<DcapAttestation> {
  return judge(() => {
    const quote = parseQuote(bytes)
    const { judgement, platform } = judgeQuote(quote, collateral, policy)
    checkDcapPolicy(quote.body, judgement.status, policy)
    const { tee, version: quoteVersion, body } = quote
    return { tee, quoteVersion, status: judgement.status, advisoryIds: judgement.advisoryIds, body, platform }
  })
}

function judgeQuote(
  quote: DcapQuote,
  given: unknown,
  { atSeconds, root = intelRoot }: DcapPolicy,
): { judgement: TcbJudgement; platform: PckPlatform } {
  if (given === undefined) return refuse('collateral', 'a DCAP quote is nothing without its collateral')
  // What costs least comes first: a damaged quote is refused after one check of a signature.
  const isSigned = nistVerify('P-256', quote.signature, quote.signedBytes, quote.attestationKey)
  need(isSigned, 'signature', 'the quote is not signed by its attestation key')
  const chain = readPemChain(quote.pckChain, pckChainName)
  checkQuotingEnclave(quote, chain[0] ?? refuse('chain', 'the quote has no certificate'))
  const { leaf, authority } = checkPckChain(chain, root, atSeconds)
  const collateral = checkCollateral(given, root, atSeconds)
  checkRevocation(leaf, authority, collateral)
  const platform = readPckPlatform(leaf)
  const ofQe = matchQe(collateral.qeIdentity, quote.qeReport, quote.tee)
  const judged = (svn: Uint8Array | undefined) =>
    combineTcb(matchPlatform(collateral.tcbInfo, platform, quote.body, svn), ofQe)
  if (quote.body.kind === 'sgx') return { judgement: judged(undefined), platform }
  const { teeTcbSvn, teeTcbSvn2 } = quote.body
  const launched = judged(teeTcbSvn)
  if (!teeTcbSvn2) return { judgement: launched, platform }
  const status = adviseRelaunch(launched.status, judged(teeTcbSvn2).status)
  return { judgement: { ...launched, status }, platform }
}

const pckChainName = 'the chain of the PCK certificate'

function checkPckChain(
  chain: readonly Certificate[],
  root: Certificate,
  atSeconds: number,
): { leaf: Certificate; authority: Certificate } {
  const { leaf, authorities } = checkChain(chain, root, atSeconds, pckChainName)
  const isPck = authorities.length === 2 && leaf.commonName === 'Intel SGX PCK Certificate'
  need(isPck, 'chain', 'the certificate of the platform is no PCK certificate')
  return { leaf, authority: authorities[0]! }
}

function checkRevocation(leaf: Certificate, authority: Certificate, collateral: CheckedCollateral): void {
  const { pckAuthority, rootList, pckList } = collateral
  const isSame =
    bytesEqual(authority.subject, pckAuthority.subject) && bytesEqual(authority.publicKey, pckAuthority.publicKey)
  need(isSame, 'collateral', 'the revocation list is of another authority than the PCK certificate')
  need(!rootList.revoked.has(authority.serial), 'revoked', 'the authority of the PCK certificate is revoked')
  need(!pckList.revoked.has(leaf.serial), 'revoked', 'the PCK certificate is revoked')
}

/** The platform vouches for the quoting enclave, whose report vouches for the key that signs the quote. */
function checkQuotingEnclave(quote: DcapQuote, pck: Certificate): void {
  need(pck.curve === 'P-256', 'unsupported', 'the PCK key is not on P-256')
  const isSigned = nistVerify('P-256', quote.qeReportSignature, quote.qeReportBytes, pck.publicKey)
  need(isSigned, 'signature', 'the report of the quoting enclave is not signed by the platform')
  const keyAndData = Uint8Array.from([...quote.attestationKey.subarray(1), ...quote.qeAuthData])
  const bound = quote.qeReport.reportData
  const isBound = bytesEqual(sha256(keyAndData), bound.subarray(0, 32)) && isAllZero(bound.subarray(32))
  need(isBound, 'binding', 'the attestation key is not the one that the quoting enclave reports')
  need((quote.qeReport.attributes[0]! & 2) === 0, 'debug', 'the quoting enclave runs in debug mode')
}
