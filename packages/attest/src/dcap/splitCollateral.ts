/** Takes collateral apart into what each of Intel's signatures covers, as a contract wants it; nothing is checked here. ATTESTATION §8. */
import { textToBytes } from '@weightless/codec'
import { type AttestationVerdict, judge, refuse } from '../refusal.ts'
import type { Certificate } from '../x509/certificate.ts'
import { readPemChain } from '../x509/pem.ts'
import { dcapCollateralForm, hexOf } from './collateral.ts'
import { tcbInfoForm } from './tcbInfo.ts'

export type CollateralParts = {
  /** DER, below the root: who issues PCK certificates, who signs the documents. */
  authority: Uint8Array
  tcbSigner: Uint8Array
  qeSigner: Uint8Array
  /** Revocation lists in DER. */
  rootList: Uint8Array
  pckList: Uint8Array
  tcbInfo: SignedDocument
  qeIdentity: SignedDocument
  isTdx: boolean
  /** 6 bytes. */
  fmspc: Uint8Array
}

/** The very text that was signed, and r and s, 32 bytes each. */
export type SignedDocument = { text: Uint8Array; r: Uint8Array; s: Uint8Array }

/** @param given - JSON of the form `dcapCollateralForm` */
export function splitCollateral(given: unknown): AttestationVerdict<CollateralParts> {
  return judge(() => {
    const form = dcapCollateralForm.safeParse(given)
    if (!form.success) return refuse('collateral', 'the collateral has a wrong form')
    const collateral = form.data
    const { id, fmspc } = readHead(collateral.tcb_info)
    return {
      authority: lowest(collateral.pck_crl_issuer_chain).bytes,
      tcbSigner: lowest(collateral.tcb_info_issuer_chain).bytes,
      qeSigner: lowest(collateral.qe_identity_issuer_chain).bytes,
      rootList: hexOf(collateral.root_ca_crl),
      pckList: hexOf(collateral.pck_crl),
      tcbInfo: signed(collateral.tcb_info, collateral.tcb_info_signature),
      qeIdentity: signed(collateral.qe_identity, collateral.qe_identity_signature),
      isTdx: id === 'TDX',
      fmspc,
    }
  })
}

function lowest(chain: string): Certificate {
  return (
    readPemChain(chain, 'a chain of the collateral')[0] ?? refuse('collateral', 'a chain of the collateral is empty')
  )
}

function signed(text: string, signature: string): SignedDocument {
  const pair = hexOf(signature)
  return { text: textToBytes(text), r: pair.subarray(0, 32), s: pair.subarray(32) }
}

function readHead(text: string): { id: 'SGX' | 'TDX'; fmspc: Uint8Array } {
  try {
    return tcbInfoForm.pick({ id: true, fmspc: true }).parse(JSON.parse(text))
  } catch {
    return refuse('collateral', 'the TCB info has a wrong form')
  }
}
