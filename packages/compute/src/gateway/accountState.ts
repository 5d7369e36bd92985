/** What a provider says of a user's account with it, `GET /v1/account`, as a gateway reads it. COMPUTE §7.4 */

import { hexOf } from '@weightless/receipt/bundle'
import { z } from 'zod'
import type { Voucher } from '../wire/payment.ts'

export type AccountState = z.infer<typeof accountSchema>
export type UnvouchedJob = AccountState['unvouched'][number]

const integer = z
  .string()
  .regex(/^\d{1,78}$/)
  .transform(BigInt)
const pair = { user: hexOf(20), provider: hexOf(20), jobNonce: integer }
const voucherSchema = z.object({
  ...pair,
  cumulativeFee: integer,
  receiptsRoot: hexOf(32),
}) satisfies z.ZodType<Voucher>
const authorizationSchema = z.object({
  ...pair,
  requestHash: hexOf(32),
  priceId: hexOf(32),
  maxFee: integer,
  deadline: integer,
})
export const accountSchema = z.object({
  job_nonce: integer,
  vouched: integer,
  owed_on_chain: integer,
  /** Providers of before signed everything. */
  on_account_max: integer.default(0n),
  receipts_root: hexOf(32),
  voucher: z.object({ voucher: voucherSchema, signature: hexOf(65) }).nullable(),
  unvouched: z
    .array(
      z.object({
        receipt_hash: hexOf(32),
        job_id: z.string().max(256),
        authorization: z.object({ authorization: authorizationSchema, signature: hexOf(65).optional() }).nullable(),
      }),
    )
    .max(1_024),
})
