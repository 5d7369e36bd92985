/** Pays a provider receipt by receipt with ever newer vouchers, each signed only after the one before. COMPUTE §7.3 */
import type { Hex } from '@weightless/codec'
import { type Clock, pauseBetween } from '@weightless/env'
import { type Bundle, readBundle } from '@weightless/receipt'
import type { LocalAccount } from 'viem'
import {
  emptyReceiptsRoot,
  nextReceiptsRoot,
  type SigningPlace,
  settlementToJson,
  signVoucher,
  type Voucher,
  type VoucherNote,
} from '../wire/payment.ts'
import { type ProviderCaller, ProviderRefusedError } from './callProvider.ts'
import type { PurseLog } from './purseLog.ts'

export type VoucherChain = {
  /** Goes on where the last voucher that the provider shows left off; no voucher is signed meanwhile. */
  begin(load: () => Promise<Paid>): Promise<void>
  /** Notes a receipt that is to be paid. */
  owe(receiptHash: Hex, job: { fee: bigint; jobNonce: bigint }): void
  /**
   * Signs one voucher for all that is owed, hands it over and fetches the receipts of `jobNonces`, as far as they are
   * there. What fails is part of the next voucher.
   */
  exchange(jobNonces: readonly bigint[]): Promise<Map<bigint, Bundle>>
}

export type Paid = { cumulativeFee: bigint; receiptsRoot: Hex; jobNonce: bigint }

export function openVoucherChain(options: {
  clock: Clock
  purse: PurseLog
  caller: ProviderCaller
  provider: Hex
  user: Hex
  account: LocalAccount
  place: SigningPlace
  /** Shared with the numbering of jobs: no number may serve a job and a later voucher. */
  numbers: { next: bigint }
}): VoucherChain {
  const { clock, purse, caller, provider, user, account, place, numbers } = options
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

  async function sign(): Promise<VoucherNote> {
    const voucher = nextVoucher()
    if (voucher.jobNonce >= numbers.next) numbers.next = voucher.jobNonce + 1n
    const receipts = [...owed.keys()]
    const note: VoucherNote = { voucher, signature: await signVoucher(voucher, place, account), receipts }
    await purse.add({ kind: 'voucher', note })
    return note
  }

  async function exchangeNow(jobs: readonly bigint[]): Promise<Map<bigint, Bundle>> {
    if (owed.size === 0 && jobs.length === 0) return new Map()
    const note = owed.size === 0 ? null : await sign()
    const headers = { 'content-type': 'application/json' }
    let answer: unknown
    try {
      const body = settlementToJson({ voucher: note, jobs: [...jobs] })
      answer = await caller.json('/v1/settlements', { method: 'POST', headers, body })
    } catch (fault) {
      // We and the provider disagree on what is owed; the next agreement tells.
      if (fault instanceof ProviderRefusedError) owed.clear()
      throw fault
    }
    if (note) {
      const { cumulativeFee, receiptsRoot, jobNonce } = note.voucher
      paid = { cumulativeFee, receiptsRoot, jobNonce }
      for (const receiptHash of note.receipts) owed.delete(receiptHash)
    }
    return readReceipts(answer, clock)
  }

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
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
    exchange: (jobNonces) => inTurn(() => exchangeNow(jobNonces)),
  }
}

/** What is malformed is as if it were not there. */
async function readReceipts(answer: unknown, clock: Clock): Promise<Map<bigint, Bundle>> {
  const bundles = new Map<bigint, Bundle>()
  const { receipts } = (answer ?? {}) as { receipts?: unknown }
  const pause = pauseBetween(clock)
  for (const json of Array.isArray(receipts) ? receipts : []) {
    await pause()
    const read = readBundle(json)
    if (read.ok) bundles.set(read.value.receipt.jobNonce, read.value)
  }
  return bundles
}
