/** Has the settlement contract pay claims whose time to contest is over, and notes those that are contested. SETTLEMENT §5.4-5.7 */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { TransactionRevertedError } from '@weightless/ledger'
import type { OpenClaim } from './accountBook.ts'
import { type ClaimWork, chainSeconds, claimsPerRound, gasPrice, isPaused, pause, payGas } from './claimJobs.ts'

/** Above what paying was measured to use: the node's estimate would look at the last block, when the time was not over. */
const payGasLimit = 120_000n

/** @throws {LedgerUnreachableError} */
export async function payClaims(work: ClaimWork): Promise<void> {
  const { env, settler } = work
  showOpenClaims(work)
  const open = listOpenClaims(work)
  if (open.length === 0) return
  const nowSeconds = await chainSeconds(work)
  const costWei = payGas * (await gasPrice(settler.ledger))
  let left = claimsPerRound
  for (const [receiptHash, claim] of open) {
    if (left === 0) break
    if (nowSeconds < claim.readyAtSeconds && !claim.isCovered) continue
    left--
    // One look at a claim that cannot be paid now is enough for a while.
    if (!(await payClaim(work, receiptHash, claim, nowSeconds, costWei))) pause(env.clock, settler, receiptHash)
  }
  showOpenClaims(work)
}

type ListedClaim = OpenClaim & { user: Hex; isCovered: boolean }

function listOpenClaims({ env, log, settler }: ClaimWork): [Hex, ListedClaim][] {
  const open: [Hex, ListedClaim][] = []
  for (const [user, account] of log.book.users()) {
    for (const [receiptHash, claim] of account.claims) {
      if (isPaused(env.clock, settler, receiptHash)) continue
      // A voucher settled after the claim has a higher number, and with it the user says that the claim is owed.
      const voucherNonce = account.voucher?.voucher.jobNonce ?? 0n
      const isCovered = voucherNonce > claim.jobNonce && account.jobNonceOnChain >= voucherNonce
      open.push([receiptHash, { ...claim, user, isCovered }])
    }
  }
  return open
}

/** Whether the contract has closed the claim. */
async function payClaim(
  { env, log, accounts, settler }: ClaimWork,
  receiptHash: Hex,
  { user, isCovered }: ListedClaim,
  nowSeconds: bigint,
  costWei: bigint,
): Promise<boolean> {
  const before = await accounts.claimOf(receiptHash)
  if (!before) return false
  if (before.state === 'contested' && log.book.of(user).claims.get(receiptHash)?.state === 'open') {
    settler.metrics.claimsContested.add()
    env.log.warn('claim contested', { receiptHash, user, heldWei: before.held })
    await log.add({ kind: 'claim', user, receiptHash, ...before })
  }
  const isPayable = before.state === 'open' ? nowSeconds >= before.readyAtSeconds || isCovered : isCovered
  if (before.state !== 'closed' && (!isPayable || (!settler.claimAlways && before.held <= costWei))) return false
  if (before.state !== 'closed' && !(await sendPayment({ env, log, accounts, settler }, receiptHash))) return false
  await log.add({ kind: 'claim', user, receiptHash, ...before, state: 'closed' })
  settler.metrics.claimsPaid.add()
  env.log.info('claim paid', { receiptHash, user, heldWei: before.held })
  return true
}

async function sendPayment({ env, settler }: ClaimWork, receiptHash: Hex): Promise<boolean> {
  try {
    await settler.ledger.submit({
      address: settler.receiptSettlement,
      abi: abis.receiptSettlement,
      functionName: 'payClaim',
      args: [receiptHash],
      gas: payGasLimit,
    })
    return true
  } catch (fault) {
    if (!(fault instanceof TransactionRevertedError)) throw fault
    env.log.warn('payment of a claim refused', { receiptHash, reason: fault.reason.text })
    return false
  }
}

function showOpenClaims({ log, settler }: ClaimWork): void {
  let sum = 0n
  for (const [, account] of log.book.users()) for (const [, { held }] of account.claims) sum += held
  settler.metrics.openClaimsWei.set(Number(sum))
}
