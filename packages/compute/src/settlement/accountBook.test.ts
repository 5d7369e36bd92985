/** Whatever happens in whatever order, what is owed is what was receipted, and nothing is paid twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hex } from '@weightless/codec'
import fc from 'fast-check'
import { nextReceiptsRoot, type Voucher } from '../wire/payment.ts'
import { type AccountBook, createAccountBook, outstandingWei, unsettledVoucher, voucherFault } from './accountBook.ts'

const user: Hex = `0x${'aa'.repeat(20)}`
const provider: Hex = `0x${'bb'.repeat(20)}`
const signature: Hex = `0x${'00'.repeat(65)}`
const hashOf = (number: number): Hex => `0x${number.toString(16).padStart(64, '0')}`

function voucherFor(book: AccountBook, receipts: readonly Hex[]): Voucher {
  const account = book.of(user)
  let [cumulativeFee, receiptsRoot] = [account.vouched, account.receiptsRoot]
  for (const receiptHash of receipts) {
    cumulativeFee += account.unvouched.get(receiptHash)?.fee ?? 0n
    receiptsRoot = nextReceiptsRoot(receiptsRoot, receiptHash)
  }
  return { user, provider, cumulativeFee, jobNonce: account.jobNonce + 1n, receiptsRoot }
}

const step = fc.oneof(
  fc.record({
    kind: fc.constant('receipt' as const),
    fee: fc.bigInt(1n, 10_000n),
    path: fc.constantFrom('voucher', 'sdk'),
  }),
  fc.record({ kind: fc.constant('voucher' as const), take: fc.nat(4) }),
  fc.record({ kind: fc.constant('settle' as const), part: fc.nat(100) }),
  fc.record({ kind: fc.constant('claim' as const), part: fc.nat(100), state: fc.constantFrom('open', 'contested') }),
  fc.record({ kind: fc.constant('word' as const), part: fc.nat(100) }),
)

test('every wei of a receipt is unpaid, vouched, settled or in a batch, once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const book = createAccountBook()
      const sums = { voucher: 0n, sdk: 0n, sdkPaid: 0n }
      let count = 0
      for (const each of steps) {
        const account = book.of(user)
        if (each.kind === 'receipt') {
          const path = each.path as 'voucher' | 'sdk'
          const jobNonce = account.jobNonce + 1n
          count++
          book.apply({
            kind: 'receipt',
            jobId: `${count}`,
            path,
            user,
            jobNonce,
            fee: each.fee,
            receiptHash: hashOf(count),
          })
          sums[path] += each.fee
        } else if (each.kind === 'voucher') {
          const receipts = [...account.unvouched.keys()].slice(0, each.take)
          const voucher = voucherFor(book, receipts)
          assert.equal(voucherFault(account, { voucher, signature }, receipts), undefined)
          book.apply({ kind: 'voucher', voucher, signature, receipts })
          if (receipts.length > 0) {
            assert.equal(voucherFault(account, { voucher, signature }, receipts), 'stale')
            const again = { ...voucher, jobNonce: voucher.jobNonce + 1n }
            assert.equal(voucherFault(account, { voucher: again, signature }, receipts), 'receipt')
          }
        } else if (each.kind === 'settle') {
          const signed = unsettledVoucher(account)
          if (!signed) continue
          const { cumulativeFee: owed, jobNonce } = signed.voucher
          const paid = account.paidOnChain + ((owed - account.paidOnChain) * BigInt(each.part)) / 100n
          book.apply({ kind: 'settled', user, owed, paid, jobNonce })
        } else if (each.kind === 'claim') {
          const [receiptHash, job] = [...account.unvouched][0] ?? []
          if (!receiptHash || !job) continue
          const held = (job.fee * BigInt(each.part)) / 100n
          const state = each.state as 'open' | 'contested'
          const claim = { kind: 'claim', user, receiptHash, jobNonce: job.jobNonce, held, readyAtSeconds: 1n } as const
          book.apply({ ...claim, state })
          // A crash before the payment, and the same news twice, change nothing.
          book.apply({ ...claim, state })
          assert.equal(account.claims.get(receiptHash)?.state, state)
          sums.voucher -= job.fee - held
          book.apply({ ...claim, state: 'closed' })
          book.apply({ ...claim, state: 'closed' })
          assert.equal(account.claims.size, 0)
          const late = { ...voucherFor(book, []), cumulativeFee: account.vouched + job.fee }
          assert.equal(voucherFault(account, { voucher: late, signature }, [receiptHash]), 'receipt')
        } else if (account.sdkBatch) {
          const { nonce, fee } = account.sdkBatch
          const unpaid = (fee * BigInt(each.part)) / 100n
          sums.sdkPaid += fee - unpaid
          book.apply({ kind: 'sdkSettled', user, nonce, unpaid })
          // The same news twice changes nothing.
          book.apply({ kind: 'sdkSettled', user, nonce, unpaid })
        } else if (account.sdkUnsettled > 0n) {
          const { sdkUnsettled: fee, sdkRequestsHash: requestsHash } = account
          book.apply({ kind: 'sdkBatch', user, nonce: BigInt(count + 1_000), fee, requestsHash })
        }
      }
      const { receipted, vouched, unvouched, paidOnChain } = book.of(user)
      const open = [...unvouched.values()].reduce((sum, { fee }) => sum + fee, 0n)
      assert.equal(receipted, sums.voucher)
      assert.equal(vouched + open, receipted)
      assert.equal(outstandingWei(book.of(user)), receipted - paidOnChain + sums.sdk - sums.sdkPaid)
    }),
  )
})

test('a book that begins after a loss takes the chain’s word for what was paid', () => {
  const book = createAccountBook()
  book.apply({ kind: 'settled', user, owed: 500n, paid: 400n, jobNonce: 9n })
  const account = book.of(user)
  assert.deepEqual([account.vouched, account.jobNonce, outstandingWei(account)], [500n, 9n, 100n])
  const voucher = { user, provider, cumulativeFee: 500n, jobNonce: 9n, receiptsRoot: account.receiptsRoot }
  assert.equal(voucherFault(account, { voucher, signature }, []), 'stale')
})
