/** Whether a key may sign for a user: her own, or one that she registered with the settlement contract. SETTLEMENT §4 */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { Clock } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'

export type SessionKeys = {
  maySign(signer: Hex | undefined, user: Hex): Promise<boolean>
}

/** A key must outlive the settlement of what it signs. */
const marginSeconds = 3_600n
/** Revocation takes effect on the chain later than this, by the contract's `revokeDelay`. */
const rememberedMs = 60_000
const rememberedMax = 10_000

export function createSessionKeys({
  ledger,
  clock,
  receiptSettlement,
}: {
  ledger: Ledger
  clock: Clock
  receiptSettlement: Hex
}): SessionKeys {
  const remembered = new Map<string, { validUntil: bigint; readAtMs: number }>()

  async function validUntilOf(user: Hex, key: Hex): Promise<bigint> {
    const known = remembered.get(`${user}/${key}`)
    if (known && clock.monotonicMs() - known.readAtMs < rememberedMs) return known.validUntil
    const validUntil = await ledger.read({
      address: receiptSettlement,
      abi: abis.receiptSettlement,
      functionName: 'sessionKeyValidUntil',
      args: [user, key],
    })
    remembered.delete(`${user}/${key}`)
    remembered.set(`${user}/${key}`, { validUntil, readAtMs: clock.monotonicMs() })
    if (remembered.size > rememberedMax) remembered.delete(remembered.keys().next().value!)
    return validUntil
  }

  return {
    async maySign(signer, user) {
      if (signer === undefined) return false
      if (signer === user) return true
      return (await validUntilOf(user, signer)) >= BigInt(Math.floor(clock.nowMs() / 1000)) + marginSeconds
    },
  }
}
