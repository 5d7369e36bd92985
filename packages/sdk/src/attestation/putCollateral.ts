/** Brings Intel's collateral to the chain, part by part; what is known there as new is left out. Spec: ATTESTATION §8. */
import { splitCollateral } from '@weightless/attest'
import { bytesToHex, bytesToUint, type Hex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { keccak256 } from '@weightless/crypto'
import { TransactionRevertedError } from '@weightless/ledger'
import type { TransactionReceipt } from 'viem'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { refusedAs } from './attestationRefused.ts'

/** `gasUsed` is undefined for a part that the chain knew already, or a newer one. */
export type PutPart = { what: string; gasUsed: bigint | undefined }

const rootId: Hex = `0x${'00'.repeat(32)}`

/** @throws {AttestationRefusedError} {CollateralFormError} */
export async function putCollateral(context: ClientContext, collateral: unknown): Promise<PutPart[]> {
  const split = splitCollateral(collateral)
  if (!split.ok) throw new CollateralFormError({ reason: split.detail ?? split.code })
  const { authority, tcbSigner, qeSigner, rootList, pckList, tcbInfo, qeIdentity } = split.value
  const { ledger, config } = context
  const certificates = { address: contractAddress(config, 'intelCertificates'), abi: abis.intelCertificates } as const
  const registry = { address: contractAddress(config, 'tcbRegistry'), abi: abis.tcbRegistry } as const
  const parts: PutPart[] = []
  const put = async (what: string, work: Promise<TransactionReceipt>) => {
    parts.push({ what, gasUsed: await gasOf(what, work) })
  }
  const idOf = (der: Uint8Array) => bytesToHex(keccak256(der))
  const ders = new Map([authority, tcbSigner, qeSigner].map((der) => [idOf(der), der]))
  for (const [id, der] of ders) {
    const { role } = await ledger.read({ ...certificates, functionName: 'certificateOf', args: [id] })
    const what = id === idOf(authority) ? "the platforms' authority" : "the documents' signer"
    if (role !== 0) parts.push({ what, gasUsed: undefined })
    else await put(what, ledger.submit({ ...certificates, functionName: 'putCertificate', args: [bytesToHex(der)] }))
  }
  const putList = (issuer: Hex, der: Uint8Array) =>
    ledger.submit({ ...certificates, functionName: 'putList', args: [issuer, bytesToHex(der)] })
  await put("the root's revocation list", putList(rootId, rootList))
  await put("the platforms' revocation list", putList(idOf(authority), pckList))
  const argsOf = ({ text, r, s }: typeof tcbInfo, signer: Uint8Array) =>
    [bytesToHex(text), bytesToUint(r), bytesToUint(s), idOf(signer)] as const
  const info = { ...registry, functionName: 'putTcbInfo', args: argsOf(tcbInfo, tcbSigner) } as const
  await put('the TCB info', ledger.submit(info))
  const identity = { ...registry, functionName: 'putQeIdentity', args: argsOf(qeIdentity, qeSigner) } as const
  await put('the QE identity', ledger.submit(identity))
  return parts
}

async function gasOf(what: string, work: Promise<TransactionReceipt>): Promise<bigint | undefined> {
  try {
    return (await refusedAs(what, work)).gasUsed
  } catch (error) {
    if (error instanceof TransactionRevertedError && error.reason.errorName === 'NotNewer') return undefined
    throw error
  }
}

export class CollateralFormError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('sdk/collateral-form', `This is no collateral: ${facts.reason}.`, facts)
  }
}
