/** The header by which an inference provider knows an account: a token that cannot be revoked one by one and soon ends. COMPUTE §6 */
import { bytesToHex, type Hex } from '@weightless/codec'
import { ephemeralTokenId, signSdkToken } from '@weightless/compute/wire'
import type { LedgerAccount } from '@weightless/ledger'
import type { ClientContext } from '../clientContext.ts'
import { signRaw } from './signRaw.ts'

/** @param generation - of the account with this provider; 0 where there is none yet */
export async function bearerOf(
  { env }: ClientContext,
  account: LedgerAccount,
  { provider, generation, lastsMs }: { provider: Hex; generation: bigint; lastsMs: number },
): Promise<string> {
  const timestamp = env.clock.nowMs()
  const token = {
    address: account.address,
    provider,
    timestamp,
    expiresAt: timestamp + lastsMs,
    nonce: bytesToHex(env.random.bytes(16)),
    generation: Number(generation),
    tokenId: ephemeralTokenId,
  }
  return `Bearer ${await signSdkToken(token, { signMessage: ({ message: { raw } }) => signRaw(account, raw) })}`
}
