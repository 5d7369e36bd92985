/** Brings users' vouchers to the settlement contract, many in one transaction. SETTLEMENT §3 */
import type { Hex } from '@weightless/codec'
import { abis, decodeVoucherOutcomes, encodeVoucherBatch, fitsVoucherBatch, voucherStatus } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import { parseEventLogs } from 'viem'
import type { ChainAccounts } from '../admission/chainAccounts.ts'
import { unsettledVoucher } from './accountBook.ts'
import type { JobLog } from './jobLog.ts'
import { recordChainState } from './recordChainState.ts'

export type VoucherSettler = {
  ledger: Ledger
  receiptSettlement: Hex
  /** Signatures that the contract refused: not tried again. */
  refusedVouchers: Set<Hex>
}

type Work = { env: Pick<Env, 'log'>; log: JobLog; accounts: ChainAccounts; settler: VoucherSettler }

/** Below the contract's own bound of 200, so that a batch stays far from the block's gas limit. */
const batchMax = 100

export async function settleVouchers(work: Work): Promise<void> {
  const { log, settler } = work
  const due = []
  for (const [user, account] of log.book.users()) {
    const signed = unsettledVoucher(account)
    if (!signed || settler.refusedVouchers.has(signed.signature)) continue
    if (fitsVoucherBatch(signed.voucher)) due.push({ user, ...signed })
    else refuse(settler, signed.signature)
  }
  for (let at = 0; at < due.length; at += batchMax) await settleBatch(work, due.slice(at, at + batchMax))
}

type Due = { user: Hex } & NonNullable<ReturnType<typeof unsettledVoucher>>

async function settleBatch({ env, log, accounts, settler }: Work, due: readonly Due[]): Promise<void> {
  const receipt = await settler.ledger.submit({
    address: settler.receiptSettlement,
    abi: abis.receiptSettlement,
    functionName: 'settleVouchers',
    args: [encodeVoucherBatch(due.map(({ voucher, signature }) => [voucher, signature] as const))],
  })
  const [event] = parseEventLogs({ abi: abis.receiptSettlement, eventName: 'VouchersSettled', logs: receipt.logs })
  const outcomes = decodeVoucherOutcomes(event!.args.outcomes)
  let paidWei = 0n
  for (const [index, { user, signature }] of due.entries()) {
    const { status, paid } = outcomes[index]!
    paidWei += paid
    if (status !== voucherStatus.paid) env.log.warn('voucher not fully paid', { user, status, paidWei: paid })
    if (status !== voucherStatus.paid && status !== voucherStatus.partial) refuse(settler, signature)
    await recordChainState(log, accounts, user)
  }
  const { transactionHash, gasUsed } = receipt
  env.log.info('vouchers settled', { users: due.length, paidWei, transactionHash, gasUsed })
}

const refusedMax = 10_000

function refuse({ refusedVouchers }: VoucherSettler, signature: Hex): void {
  if (refusedVouchers.size >= refusedMax) refusedVouchers.clear()
  refusedVouchers.add(signature)
}

/** Draws what earlier vouchers left unpaid from users who have put money in since. */
export async function collectUnpaid({ env, log, accounts, settler }: Work): Promise<void> {
  const users: Hex[] = []
  for (const [user, account] of log.book.users()) {
    if (users.length === batchMax) break
    if (account.owedOnChain <= account.paidOnChain) continue
    const chain = await accounts.of(user)
    if (chain && chain.spendable > 0n) users.push(user)
  }
  if (users.length === 0) return
  const { transactionHash } = await settler.ledger.submit({
    address: settler.receiptSettlement,
    abi: abis.receiptSettlement,
    functionName: 'collectUnpaid',
    args: [users],
  })
  for (const user of users) await recordChainState(log, accounts, user)
  env.log.info('unpaid fees collected', { users: users.length, transactionHash })
}
