/** Keys of providers in trusted hardware, as the chain knows them: read, bound to a quote, and submitted by anybody. Spec: ATTESTATION §9. */
import { type TcbStatus, tcbStatuses } from '@weightless/attest'
import { bytesToHex, concatBytes, type Hex, hexToBytes } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { keccak256 } from '@weightless/crypto'
import type { TransactionReceipt } from 'viem'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { refusedAs } from './attestationRefused.ts'
import { type PutPart, putCollateral } from './putCollateral.ts'

/** Times are seconds since the Unix epoch. */
export type TeeKeyRecord = {
  provider: Hex
  key: Hex
  tee: 'sgx' | 'tdx'
  quoteVersion: number
  status: TcbStatus
  /** MRENCLAVE; of a domain the SHA-256 of MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG and the four RTMRs. */
  measurement: Hex
  /** The quote was made after this. */
  madeAfterSeconds: number
  attestedAtSeconds: number
  freshUntilSeconds: number
  /** By the time of the chain's last block. */
  isFresh: boolean
}

export type AttestationApi = {
  /** What is known of a key of this provider, or of its latest; undefined for nothing. @throws {ContractUnknownError} */
  keyOf(provider: Hex, key?: Hex): Promise<TeeKeyRecord | undefined>
  /** Marks the present on the chain; the 64 bytes are what a quote has to carry to bind the key now. */
  bind(provider: Hex, key: Hex): Promise<{ reportData: Uint8Array; markedSeconds: number }>
  /** Brings Intel's collateral to the chain, as far as it is newer. @throws {AttestationRefusedError} */
  putCollateral(collateral: unknown): Promise<PutPart[]>
  /** Has the chain verify a quote and record the key. @throws {AttestationRefusedError} {TransactionRevertedError} such as MarkUnknown */
  submit(request: { provider: Hex; key: Hex; quote: Uint8Array }): Promise<TransactionReceipt>
}

export function openAttestation(context: ClientContext): AttestationApi {
  const { ledger } = context
  const at = () => ({ address: contractAddress(context.config, 'teeKeys'), abi: abis.teeKeys })
  return {
    keyOf: (provider, key) => readTeeKey(context, provider, key),
    async bind(provider, key) {
      const binding = await ledger.read({ ...at(), functionName: 'bindingOf', args: [provider, key] })
      const { blockNumber } = await ledger.submit({ ...at(), functionName: 'mark' })
      const { parentHash: mark } = await ledger.block(blockNumber)
      const markedSeconds = await ledger.read({ ...at(), functionName: 'markedAt', args: [mark] })
      return {
        reportData: concatBytes([hexToBytes(binding), hexToBytes(mark)]),
        markedSeconds: Number(markedSeconds),
      }
    },
    putCollateral: (collateral) => putCollateral(context, collateral),
    submit: ({ provider, key, quote }) =>
      refusedAs(
        'the quote',
        ledger.submit({ ...at(), functionName: 'submit', args: [provider, key, bytesToHex(quote)] }),
      ),
  }
}

export async function readTeeKey(
  { ledger, config }: ClientContext,
  provider: Hex,
  wanted?: Hex,
): Promise<TeeKeyRecord | undefined> {
  const at = { address: contractAddress(config, 'teeKeys'), abi: abis.teeKeys } as const
  const key = wanted ?? (await ledger.read({ ...at, functionName: 'latestOf', args: [provider] }))
  const [found, { timestampSeconds }] = await Promise.all([
    ledger.read({ ...at, functionName: 'keyOf', args: [provider, key] }),
    ledger.block('latest'),
  ])
  if (found.freshUntil === 0n) return undefined
  return {
    ...{ provider, key, measurement: found.measurement, quoteVersion: found.quoteVersion },
    tee: found.isTdx ? 'tdx' : 'sgx',
    status: tcbStatuses[found.status]!,
    madeAfterSeconds: Number(found.madeAfter),
    attestedAtSeconds: Number(found.attestedAt),
    freshUntilSeconds: Number(found.freshUntil),
    isFresh: found.freshUntil >= timestampSeconds,
  }
}

/** By which name a key for sealing is known: the last 20 bytes of its keccak256, as an address is of a signing key. */
export function teeKeyOfSealing(encryptionKey: Hex): Hex {
  return bytesToHex(keccak256(hexToBytes(encryptionKey)).subarray(12))
}
