/** Pays a provider receipt by receipt with ever newer vouchers, each signed only after the one before. COMPUTE §7.3 */
import type { Hex } from '@weightless/codec'
import type { LocalAccount } from 'viem'
import {
  emptyReceiptsRoot,
  nextReceiptsRoot,
  type SigningPlace,
  signVoucher,
  type Voucher,
  type VoucherNote,
  voucherToJson,
} from '../wire/payment.ts'
import { type ProviderCaller, ProviderRefusedError } from './callProvider.ts'
import type { PurseLog } from './purseLog.ts'

export type VoucherChain = {
  /** Goes on where the last voucher that the provider shows left off; no voucher is signed meanwhile. */
  begin(load: () => Promise<Paid>): Promise<void>
  /** Notes a receipt that is to be paid. */
  owe(receiptHash: Hex, job: { fee: bigint; jobNonce: bigint }): void
  /** Signs one voucher for all that is owed and hands it over; what fails is part of the next one. */
  pay(): Promise<void>
}

export type Paid = { cumulativeFee: bigint; receiptsRoot: Hex; jobNonce: bigint }

export function openVoucherChain(options: {
  purse: PurseLog
  caller: ProviderCaller
  provider: Hex
  user: Hex
  account: LocalAccount
  place: SigningPlace
  /** Shared with the numbering of jobs: no number may serve a job and a later voucher. */
  numbers: { next: bigint }
}): VoucherChain {
  const { purse, caller, provider, user, account, place, numbers } = options
  let paid: Paid = { cumulativeFee: 0n, receiptsRoot: emptyReceiptsRoot, jobNonce: 0n }
  const owed = new Map<Hex, { fee: bigint; jobNonce: bigint }>()
  let turn: Promise<unknown> = Promise.resolve()

  function nextVoucher(): Voucher {
    const voucher = { user, provider, ...paid, jobNonce: paid.jobNonce + 1n }
    for (const [receiptHash, { fee, jobNonce }] of owed) {
      voucher.cumulativeFee += fee
      voucher.receiptsRoot = nextReceiptsRoot(voucher.receiptsRoot, receiptHash)
      if (jobNonce > voucher.jobNonce) voucher.jobNonce = jobNonce
    }
    return voucher
  }

  async function payNow(): Promise<void> {
    if (owed.size === 0) return
    const voucher = nextVoucher()
    if (voucher.jobNonce >= numbers.next) numbers.next = voucher.jobNonce + 1n
    const receipts = [...owed.keys()]
    const note: VoucherNote = { voucher, signature: await signVoucher(voucher, place, account), receipts }
    await purse.add({ kind: 'voucher', note })
    const headers = { 'content-type': 'application/json' }
    try {
      await caller.json('/v1/vouchers', { method: 'POST', headers, body: voucherToJson(note) })
    } catch (fault) {
      // We and the provider disagree on what is owed; the next agreement tells.
      if (fault instanceof ProviderRefusedError) owed.clear()
      throw fault
    }
    const { cumulativeFee, receiptsRoot, jobNonce } = voucher
    paid = { cumulativeFee, receiptsRoot, jobNonce }
    for (const receiptHash of receipts) owed.delete(receiptHash)
  }

  function inTurn(work: () => Promise<void>): Promise<void> {
    const result = turn.then(work)
    turn = result.catch(() => undefined)
    return result
  }

  return {
    begin: (load) =>
      inTurn(async () => {
        paid = await load()
      }),
    owe: (receiptHash, job) => void owed.set(receiptHash, job),
    pay: () => inTurn(payNow),
  }
}
