/** What must be moved so that a provider can be paid: from the account into the ledger, and from there to the provider. */
import { abis } from '@weightless/contracts'
import type { Client } from '@weightless/sdk'
import { contractAddress } from '@weightless/sdk/networkConfig'

export type TopUp = {
  /** Set aside with the provider already. */
  setAsideWei: bigint
  /** From the account into the ledger; 0 when enough is free there. */
  depositWei: bigint
  /** From the ledger to the provider; 0 when nothing is missing. */
  transferWei: bigint
}

/**
 * The contracts take no first deposit and no first transfer below their minimum, so more than the price may be moved.
 * @param setAsideWei - undefined when nothing ever was
 */
export async function planTopUp(client: Client, setAsideWei: bigint | undefined, priceWei: bigint): Promise<TopUp> {
  const manager = { address: contractAddress(client.config, 'ledgerManager'), abi: abis.ledgerManager } as const
  const [balance, depositMin, transferMin] = await Promise.all([
    client.account.balance(),
    client.ledger.read({ ...manager, functionName: 'MIN_ACCOUNT_BALANCE' }),
    client.ledger.read({ ...manager, functionName: 'MIN_TRANSFER_AMOUNT' }),
  ])
  const missingWei = most(0n, priceWei - (setAsideWei ?? 0n))
  const transferWei = missingWei > 0n && setAsideWei === undefined ? most(missingWei, transferMin) : missingWei
  const shortWei = most(0n, transferWei - (balance.ledger?.availableWei ?? 0n))
  const depositWei = shortWei > 0n && !balance.ledger ? most(shortWei, depositMin) : shortWei
  return { setAsideWei: setAsideWei ?? 0n, depositWei, transferWei }
}

/** @param transfer - from the ledger to the one who is to be paid */
export async function topUp(
  client: Client,
  { depositWei, transferWei }: TopUp,
  transfer: (amountWei: bigint) => Promise<unknown>,
): Promise<void> {
  if (depositWei > 0n) await client.account.deposit(depositWei)
  if (transferWei > 0n) await transfer(transferWei)
}

export const most = (a: bigint, b: bigint): bigint => (a > b ? a : b)
