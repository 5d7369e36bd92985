/** Finds the transaction that paid for an answer: the first voucher of the pair that covers its job nonce. Spec: SETTLEMENT §4. */
import { type Hex, quantityToHex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { Bundle } from '@weightless/receipt'
import { decodeFunctionData, encodeEventTopics } from 'viem'
import type { ClientContext } from '../client.ts'

export type Settlement = { txHash: Hex; blockNumber: bigint }

/** Transactions looked at, newest first; a pair settles in batches, so this reaches far back. */
const transactionsMax = 64

/** Undefined while no voucher on chain covers the answer. */
export async function findSettlement(
  { ledger }: ClientContext,
  { settlement, receipt }: Bundle,
): Promise<Settlement | undefined> {
  const { user, provider, jobNonce } = receipt
  const topics = encodeEventTopics({
    abi: abis.receiptSettlement,
    eventName: 'VoucherSettled',
    args: { user, provider },
  })
  const filter = { address: settlement, topics, fromBlock: quantityToHex(0), toBlock: 'latest' }
  const logs = (await ledger.rpc.request('eth_getLogs', [filter])) as { transactionHash: Hex; blockNumber: Hex }[]
  let found: Settlement | undefined
  for (const log of logs.toReversed().slice(0, transactionsMax)) {
    const covered = await readCoveredNonce({ ledger }, log.transactionHash, user, provider)
    if (covered === undefined || covered < jobNonce) break
    found = { txHash: log.transactionHash, blockNumber: BigInt(log.blockNumber) }
  }
  return found
}

async function readCoveredNonce(
  { ledger }: Pick<ClientContext, 'ledger'>,
  hash: Hex,
  user: Hex,
  provider: Hex,
): Promise<bigint | undefined> {
  const transaction = (await ledger.rpc.request('eth_getTransactionByHash', [hash])) as { input: Hex } | null
  if (!transaction) return undefined
  const { functionName, args } = decodeFunctionData({ abi: abis.receiptSettlement, data: transaction.input })
  if (functionName !== 'settleVouchers') return undefined
  const own = args[0].filter((each) => same(each.user, user) && same(each.provider, provider))
  return own.map(({ jobNonce }) => jobNonce).sort((a, b) => (a < b ? 1 : -1))[0]
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()
