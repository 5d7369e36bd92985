/** Fetches what a beneficiary has earned: the reward pool pays nobody by itself. Spec: mining §7. */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { Ledger } from '@weightless/ledger'

/** Wei that wait for `beneficiary`. */
export function owedRewards(ledger: Pick<Ledger, 'read'>, rewardPool: Hex, beneficiary: Hex): Promise<bigint> {
  return ledger.read({ address: rewardPool, abi: abis.rewardPool, functionName: 'payments', args: [beneficiary] })
}

/** Sends the beneficiary what waits for it, if that is at least `leastWei`. @returns the wei, 0 where nothing was sent */
export async function withdrawRewards(
  ledger: Pick<Ledger, 'read' | 'submit'>,
  rewardPool: Hex,
  beneficiary: Hex,
  leastWei = 1n,
): Promise<bigint> {
  const owedWei = await owedRewards(ledger, rewardPool, beneficiary)
  if (owedWei === 0n || owedWei < leastWei) return 0n
  const intent = { address: rewardPool, abi: abis.rewardPool, functionName: 'withdrawPayments' } as const
  await ledger.submit({ ...intent, args: [beneficiary] })
  return owedWei
}
