/** Gives a service's own account what it needs on the devnet, from the operator's account. */
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { createLedger } from '@weightless/ledger'
import { devnetKey, gatewayAccountIndex } from './devnetKeys.ts'

/** Sends `fundsWei` at the first start, and again whenever the account has less than a tenth of it. */
export async function fundAccount(env: Env, rpcUrl: string, address: Hex, fundsWei: bigint): Promise<void> {
  const ledger = createLedger({ rpcUrl, env, account: devnetKey(gatewayAccountIndex).account })
  if ((await ledger.balanceOf(address)) < fundsWei / 10n) await ledger.submitRaw({ to: address, value: fundsWei })
}
