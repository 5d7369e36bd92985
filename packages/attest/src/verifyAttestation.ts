/** The one front for all evidence: finds out what it is, and asks the verifier of that kind. */
import { accept, bytesToText, reject } from '@weightless/codec'
import type { DcapPolicy } from './dcap/dcapPolicy.ts'
import { type DcapAttestation, verifyDcapQuote } from './dcap/verifyDcapQuote.ts'
import { type DevAttestation, type DevPolicy, isDevQuote, verifyDevQuote } from './dev/devQuote.ts'
import { type NitroAttestation, type NitroPolicy, verifyNitroDocument } from './nitro/verifyNitroDocument.ts'
import { type NvidiaAttestation, type NvidiaPolicy, verifyNvidiaToken } from './nvidia/verifyNvidiaToken.ts'
import type { AttestationVerdict, RefusalCode } from './refusal.ts'

export type AttestationPolicy = DcapPolicy & Omit<NitroPolicy, 'root'> & NvidiaPolicy & Omit<DevPolicy, 'measurement'>
export type Attestation = DcapAttestation | NitroAttestation | NvidiaAttestation | DevAttestation
export type EvidenceKind = 'dcap' | 'nitro' | 'nvidia' | 'dev'

/** By the first bytes: a JSON array, an array of four in CBOR, the mark of dev quotes, a version. Undefined for none of them. */
export function kindOfEvidence(bytes: Uint8Array): EvidenceKind | undefined {
  if (isDevQuote(bytes)) return 'dev'
  const [first, second] = bytes
  if (first === 0x84 || first === 0xd2) return 'nitro'
  if (first === 0x5b) return 'nvidia'
  return second === 0 && first !== undefined && first >= 3 && first <= 5 ? 'dcap' : undefined
}

/** A demand that another kind of evidence cannot meet refuses it: else a policy for TDX would take any document of Nitro. */
const demands: readonly { name: keyof AttestationPolicy; kinds: readonly EvidenceKind[]; code: RefusalCode }[] = [
  { name: 'reportData', kinds: ['dcap', 'dev', 'nitro'], code: 'report-data' },
  { name: 'measurements', kinds: ['dcap'], code: 'measurement' },
  { name: 'pcrs', kinds: ['nitro'], code: 'measurement' },
  { name: 'userData', kinds: ['nitro'], code: 'report-data' },
  { name: 'publicKey', kinds: ['nitro'], code: 'report-data' },
  { name: 'nonce', kinds: ['nitro', 'nvidia'], code: 'nonce' },
  { name: 'models', kinds: ['nvidia'], code: 'measurement' },
]

/**
 * @param collateral - of a DCAP quote: ATTESTATION §3.7; of an NVIDIA answer: the key set; else nothing
 * @param policy - `reportData` is the user data of a Nitro document
 */
export function verifyAttestation(
  bytes: Uint8Array,
  collateral: unknown,
  policy: AttestationPolicy,
): AttestationVerdict<Attestation> {
  const kind = kindOfEvidence(bytes)
  if (!kind) return reject('unsupported', 'this is no evidence that is known')
  const unmet = demands.find(({ name, kinds }) => policy[name] !== undefined && !kinds.includes(kind))
  if (unmet) return reject(unmet.code, `evidence of kind ${kind} does not meet a demand on ${unmet.name}`)
  if (kind === 'dcap') return verifyDcapQuote(bytes, collateral, policy)
  if (kind === 'dev') return verifyDevQuote(bytes, policy)
  if (kind === 'nvidia') {
    const answer = readAnswer(bytes)
    return answer.ok ? verifyNvidiaToken(answer.value, collateral, policy) : answer
  }
  const { root: _, ...rest } = policy
  return verifyNitroDocument(bytes, { ...rest, userData: policy.userData ?? policy.reportData })
}

function readAnswer(bytes: Uint8Array): AttestationVerdict<unknown> {
  if (bytes.length > answerBytesMax) return reject('malformed', 'the answer is too large')
  try {
    return accept(JSON.parse(bytesToText(bytes)))
  } catch {
    return reject('malformed', 'the answer is no JSON')
  }
}

const answerBytesMax = 1_048_576
