/** What Intel signs about platforms and enclaves, needed beside a quote: read, and every signature and date of it checked. */
import { bytesEqual, HexInvalidError, hexToBytes, textToBytes } from '@weightless/codec'
import { nistVerify } from '@weightless/crypto'
import { z } from 'zod'
import { need, refuse } from '../refusal.ts'
import type { Certificate } from '../x509/certificate.ts'
import { checkChain } from '../x509/checkChain.ts'
import { readPemChain } from '../x509/pem.ts'
import { checkRevocationList, type RevocationList } from '../x509/revocationList.ts'
import { type QeIdentity, qeIdentityForm } from './qeIdentity.ts'
import { type TcbInfo, tcbInfoForm } from './tcbInfo.ts'

/** Names and forms as `sgx_ql_qve_collateral_t` has them: chains in PEM, lists in hex (DER), documents as the very text that was signed. */
export type DcapCollateral = z.infer<typeof dcapCollateralForm>

const chainText = z.string().max(65_536)
const listText = z.string().max(2_097_152)
const documentText = z.string().max(262_144)
const signatureText = z.string().length(128)

export const dcapCollateralForm = z.object({
  pck_crl_issuer_chain: chainText,
  root_ca_crl: listText,
  pck_crl: listText,
  tcb_info_issuer_chain: chainText,
  tcb_info: documentText,
  tcb_info_signature: signatureText,
  qe_identity_issuer_chain: chainText,
  qe_identity: documentText,
  qe_identity_signature: signatureText,
})

/** What the checked collateral says. */
export type CheckedCollateral = {
  tcbInfo: TcbInfo
  qeIdentity: QeIdentity
  rootList: RevocationList
  pckList: RevocationList
  /** Who signed `pckList`: must be the issuer of the PCK certificate. */
  pckAuthority: Certificate
}

const signerName = 'Intel SGX TCB Signing'

/** @throws {Refusal} */
export function checkCollateral(given: unknown, root: Certificate, atSeconds: number): CheckedCollateral {
  const form = dcapCollateralForm.safeParse(given)
  if (!form.success)
    return refuse(
      'collateral',
      `the collateral has a wrong form at ${form.error.issues[0]?.path.join('.') ?? 'its top'}`,
    )
  const collateral = form.data
  const rootList = checkRevocationList(hexOf(collateral.root_ca_crl), root, atSeconds, "the root's revocation list")
  need(!rootList.revoked.has(root.serial), 'revoked', 'the root is revoked')
  const pckAuthority = checkAuthority(collateral.pck_crl_issuer_chain, root, rootList, atSeconds)
  const pckList = checkRevocationList(
    hexOf(collateral.pck_crl),
    pckAuthority,
    atSeconds,
    "the platforms' revocation list",
  )
  // Both documents have one signer as a rule, whose chain is checked once.
  const signers = new Map<string, Certificate>()
  const signed = (chain: string, text: string, signature: string, what: string): unknown => {
    const signer = signers.get(chain) ?? checkSigner(chain, root, rootList, atSeconds, what)
    signers.set(chain, signer)
    const isSigned = nistVerify('P-256', hexOf(signature), textToBytes(text), signer.publicKey)
    need(isSigned, 'signature', `${what} is not signed by Intel`)
    return parseJson(text, what)
  }
  const { tcb_info_issuer_chain: tcbChain, qe_identity_issuer_chain: qeChain } = collateral
  const tcbInfo = readForm(
    tcbInfoForm,
    signed(tcbChain, collateral.tcb_info, collateral.tcb_info_signature, 'the TCB info'),
    'the TCB info',
  )
  const qeIdentity = readForm(
    qeIdentityForm,
    signed(qeChain, collateral.qe_identity, collateral.qe_identity_signature, 'the QE identity'),
    'the QE identity',
  )
  checkDates(tcbInfo, atSeconds, 'the TCB info')
  checkDates(qeIdentity, atSeconds, 'the QE identity')
  return { tcbInfo, qeIdentity, rootList, pckList, pckAuthority }
}

/** The chain of an authority: itself, then the root. */
function checkAuthority(text: string, root: Certificate, rootList: RevocationList, atSeconds: number): Certificate {
  const [authority, above, rest] = readPemChain(text, "the chain of the platforms' authority")
  if (!authority || rest) return refuse('chain', "the chain of the platforms' authority has a wrong length")
  need(above === undefined || bytesEqual(above.bytes, root.bytes), 'chain', "the platforms' authority has another root")
  const isSigned = nistVerify(root.curve, authority.signature, authority.signedBytes, root.publicKey)
  const isOurs = authority.signatureCurve === root.curve && isSigned && authority.isAuthority
  need(
    isOurs && /^Intel SGX PCK (Platform|Processor) CA$/.test(authority.commonName),
    'chain',
    "the platforms' authority is not Intel's",
  )
  need(!rootList.revoked.has(authority.serial), 'revoked', "the platforms' authority is revoked")
  need(atSeconds >= authority.notBefore, 'not-yet-valid', "the platforms' authority is of a later time")
  need(atSeconds <= authority.notAfter, 'expired', "the platforms' authority is out of date")
  return authority
}

function checkSigner(
  text: string,
  root: Certificate,
  rootList: RevocationList,
  atSeconds: number,
  what: string,
): Certificate {
  const { leaf, authorities } = checkChain(
    readPemChain(text, `the chain of ${what}`),
    root,
    atSeconds,
    `the chain of ${what}`,
  )
  need(
    authorities.length === 1 && leaf.commonName === signerName,
    'chain',
    `${what} is signed by ${leaf.commonName || 'nobody named'}`,
  )
  need(!rootList.revoked.has(leaf.serial), 'revoked', `the signer of ${what} is revoked`)
  return leaf
}

function checkDates(dated: { issueDate: string; nextUpdate: string }, atSeconds: number, what: string): void {
  const [from, to] = [Date.parse(dated.issueDate) / 1000, Date.parse(dated.nextUpdate) / 1000]
  need(from <= to, 'malformed', `${what} has no dates`)
  need(atSeconds >= from, 'not-yet-valid', `${what} is of a later time`)
  need(atSeconds <= to, 'expired', `${what} is out of date`)
}

function readForm<Form>(form: z.ZodType<Form>, json: unknown, what: string): Form {
  const read = form.safeParse(json)
  if (!read.success)
    return refuse('malformed', `${what} has a wrong form at ${read.error.issues[0]?.path.join('.') ?? 'its top'}`)
  return read.data
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return refuse('malformed', `${what} is no JSON`)
  }
}

/** @throws {Refusal} */
export function hexOf(text: string): Uint8Array {
  try {
    return hexToBytes(text)
  } catch (error) {
    if (error instanceof HexInvalidError) return refuse('malformed', 'a part of the collateral is no hex')
    throw error
  }
}
