/** What a transaction took from a provider's stake. */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { parseEventLogs, type TransactionReceipt } from 'viem'

export type TakenStake = {
  provider: Hex
  user: Hex
  jobNonce: bigint
  /** Wei that were taken from the provider's stake, and the shares of the user and of whoever sent it. */
  slashedWei: bigint
  toUserWei: bigint
  toReporterWei: bigint
  transactionHash: Hex
}

export function slashedBy({ logs }: TransactionReceipt) {
  const [slashed] = parseEventLogs({ abi: abis.providerStake, eventName: 'Slashed', logs })
  const { toUser = 0n, toReporter = 0n, burned = 0n } = slashed?.args ?? {}
  return { slashedWei: toUser + toReporter + burned, toUserWei: toUser, toReporterWei: toReporter }
}
