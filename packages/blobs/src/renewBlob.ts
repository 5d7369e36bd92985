/** How long a file is paid for, and paying for longer. Spec: storage §9. */
import { type Hex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { fileShape } from '@weightless/crypto'
import type { Ledger } from '@weightless/ledger'
import type { TransactionJson } from '@weightless/storage/wire'
import { quoteBlob } from './payForBlob.ts'

export type BlobLifetime = {
  root: Hex
  txSeq: number
  /** Milliseconds since the epoch; undefined where a payment never expires. */
  paidUntilMs: number | undefined
}

export async function readLifetime(ledger: Ledger, flowAddress: Hex, tx: TransactionJson): Promise<BlobLifetime> {
  const call = { address: flowAddress, abi: abis.flow, functionName: 'paidUntilByTxSeq' } as const
  const seconds = await ledger.read({ ...call, args: [BigInt(tx.seq)] })
  const paidUntilMs = seconds === 0n ? undefined : Number(seconds) * 1000
  return { root: tx.dataMerkleRoot, txSeq: tx.seq, paidUntilMs }
}

/**
 * Pays `lifetimes` more for what `submitter` once paid; the time is added to what is left.
 * @throws {NotRenewableError} and the ledger's: reverted when the submitter never paid for this root
 */
export async function renewBlob(
  ledger: Ledger,
  flowAddress: Hex,
  tx: TransactionJson,
  { lifetimes, submitter }: { lifetimes: number; submitter: Hex },
): Promise<{ txHash: Hex; feeWei: bigint }> {
  if (!Number.isSafeInteger(lifetimes) || lifetimes < 1)
    throw new NotRenewableError({ root: tx.dataMerkleRoot, lifetimes })
  const nodes = tx.merkleNodes.map(([depth, root]) => ({ root: root as Hex, height: BigInt(depth - 1) }))
  const { feeWei } = await quoteBlob(ledger, flowAddress, fileShape(tx.size).sizeBytes)
  const value = feeWei * BigInt(lifetimes)
  const data = { length: BigInt(tx.size), tags: '0x' as Hex, nodes }
  const args = [{ data, submitter }, BigInt(lifetimes)] as const
  const receipt = await ledger.submit({ address: flowAddress, abi: abis.flow, functionName: 'renewFor', args, value })
  return { txHash: receipt.transactionHash, feeWei: value }
}

export class NotRenewableError extends WeightlessError {
  constructor(facts: { root: Hex; lifetimes: number }) {
    super('blobs/not-renewable', 'A file is renewed for a whole number of lifetimes, from 1.', facts)
  }
}
