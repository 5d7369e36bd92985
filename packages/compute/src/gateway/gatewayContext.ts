/** What the parts of one gateway share. */
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { Bundle } from '@weightless/receipt'
import type { LocalAccount } from 'viem'
import type { Funder } from './fundTab.ts'
import type { GatewayLimits } from './gatewayOptions.ts'
import type { Tab } from './openTab.ts'
import type { ListedProvider, ProviderDirectory } from './providerDirectory.ts'
import type { PurseLog } from './purseLog.ts'

/** One API key at work. */
export type Customer = {
  user: Hex
  account: LocalAccount
  spendingCapWei: bigint | undefined
  funder: Funder
  /** Requests in flight, and the most that they may cost together. */
  inFlight: number
  heldWei: bigint
  tabOf(provider: ListedProvider): Tab
}

export type GatewayContext = {
  env: Pick<Env, 'clock' | 'random' | 'log'>
  limits: GatewayLimits
  directory: ProviderDirectory
  purse: PurseLog
  customerOf(authorization: string | undefined): Customer | undefined
  /** Receipts that are being fetched, by job id: whoever asks for one waits for it. */
  settling: Map<string, Promise<Bundle | undefined>>
  /** Aborts when the gateway closes. */
  stopping: AbortSignal
}
