/** What a key has left: a bound that requests in flight, and those that a kill left open, count against. COMPUTE §10.5 */
import type { ApiError } from '../../wire/apiError.ts'
import type { Customer, GatewayContext } from '../gatewayContext.ts'
import { accountKeyId } from '../usage/usageBook.ts'
import { periodStartDay } from './apiKey.ts'

export type Spending = { spentWei: bigint; heldWei: bigint; leftWei: bigint | undefined }

type Needs = Pick<GatewayContext, 'purse' | 'keys' | 'env'>

/** Of the present period. Nothing is awaited here, so that whoever looks can take at once. */
export function spendingOf({ purse, keys, env }: Needs, { key, payer, heldWei: runningWei }: Customer): Spending {
  const nowMs = env.clock.nowMs()
  const sinceDay = periodStartDay(key.budgetPeriod, nowMs)
  let spentWei = purse.usage.spent(key.id, sinceDay)
  // Receipts from before keys were told apart were those of the account's one key.
  if (keys.isFixed(key.id)) spentWei += purse.usage.spent(accountKeyId(payer.user), sinceDay)
  const heldWei = runningWei + purse.openJobs.leftOpen(key.id, nowMs)
  const leftWei = key.budgetWei === undefined ? undefined : atLeastZero(key.budgetWei - spentWei - heldWei)
  return { spentWei, heldWei, leftWei }
}

/** Why a job that may cost `maxFee` wei cannot be begun; undefined when it can. */
export function spendFault(context: Needs, customer: Customer, maxFee: bigint): ApiError | undefined {
  const { budgetWei, budgetPeriod } = customer.key
  const { spentWei, heldWei, leftWei } = spendingOf(context, customer)
  if (leftWei === undefined || maxFee <= leftWei) return undefined
  const per = budgetPeriod === undefined ? '' : ` in a ${budgetPeriod}`
  const spent = `${spentWei} wei are spent, ${heldWei} held, this request may cost ${maxFee}`
  const message = `The key may spend ${budgetWei} wei${per}: ${spent}. Ask for fewer tokens, or raise the cap.`
  return { code: 'spending_cap_reached', message }
}

const atLeastZero = (wei: bigint): bigint => (wei < 0n ? 0n : wei)
