/** Finds the transaction that paid for an answer: the first voucher of the pair that covers its job nonce. Spec: SETTLEMENT §3.2. */
import { type Hex, quantityToHex } from '@weightless/codec'
import { abis, decodeVoucherOutcomes, voucherStatus } from '@weightless/contracts'
import { decodeLogs } from '@weightless/ledger'
import type { Bundle } from '@weightless/receipt'
import { encodeEventTopics } from 'viem'
import type { ClientContext } from '../clientContext.ts'

export type Settlement = { txHash: Hex; blockNumber: bigint }

/** Batches of the provider that are looked at, newest first. */
const batchesMax = 1_024

/** Undefined while no voucher on chain covers the answer. */
export async function findSettlement(
  { ledger }: ClientContext,
  { settlement, receipt }: Bundle,
): Promise<Settlement | undefined> {
  const { user, provider, jobNonce } = receipt
  const topics = encodeEventTopics({ abi: abis.receiptSettlement, eventName: 'VouchersSettled', args: { provider } })
  const filter = { address: settlement, topics, fromBlock: quantityToHex(0), toBlock: 'latest' }
  const batches = decodeLogs(abis.receiptSettlement, (await ledger.rpc.request('eth_getLogs', [filter])) as never)
  let found: Settlement | undefined
  for (const batch of batches.toReversed().slice(0, batchesMax)) {
    if (batch.eventName !== 'VouchersSettled') continue
    const settled = decodeVoucherOutcomes(batch.args.outcomes).filter(
      (outcome) => same(outcome.user, user) && outcome.status <= voucherStatus.partial,
    )
    if (settled.length === 0) continue
    if (settled.every((outcome) => outcome.jobNonce < jobNonce)) break
    found = { txHash: batch.transactionHash, blockNumber: batch.blockNumber }
  }
  return found
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()
