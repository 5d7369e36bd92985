/** Signs bytes as a message (EIP-191) with whatever account the client has: a key of its own, or a wallet that asks. */
import type { Hex } from '@weightless/codec'
import type { LedgerAccount } from '@weightless/ledger'

export async function signRaw(account: LedgerAccount, raw: Hex): Promise<Hex> {
  if (!('provider' in account)) return account.signMessage({ message: { raw } })
  return (await account.provider.request({ method: 'personal_sign', params: [raw, account.address] })) as Hex
}
