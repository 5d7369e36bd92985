/** Accounts that this node signs for (the devnet's test keys) and those it lets anyone send from (impersonation). */
import { bytesToHex, type Hex } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import { loadSecp256k1, type Secp256k1 } from './transactions/secp256k1.ts'

export type DevnetAccounts = {
  curve: Secp256k1
  /** Unlocked first, in the order given, then impersonated. */
  addresses(): Uint8Array[]
  privateKey(address: Uint8Array): Uint8Array | undefined
  isImpersonated(address: Uint8Array): boolean
  /** At most 1,024 at once. */
  impersonate(address: Uint8Array): void
  stopImpersonating(address: Uint8Array): void
  impersonateAll(every: boolean): void
}

const impersonatedMax = 1_024

/** @throws {PrivateKeyInvalidError} */
export async function openAccounts(privateKeys: readonly Uint8Array[]): Promise<DevnetAccounts> {
  const curve = await loadSecp256k1()
  const unlocked = new Map<Hex, { address: Uint8Array; privateKey: Uint8Array }>()
  for (const privateKey of privateKeys) {
    const address = keccak256(curve.publicKey(privateKey).subarray(1)).slice(12)
    unlocked.set(bytesToHex(address), { address, privateKey })
  }
  const impersonated = new Map<Hex, Uint8Array>()
  let everyone = false
  return {
    curve,
    addresses: () => [...[...unlocked.values()].map((account) => account.address), ...impersonated.values()],
    privateKey: (address) => unlocked.get(bytesToHex(address))?.privateKey,
    isImpersonated: (address) => everyone || impersonated.has(bytesToHex(address)),
    impersonate(address) {
      impersonated.set(bytesToHex(address), address)
      if (impersonated.size > impersonatedMax) impersonated.delete(impersonated.keys().next().value!)
    },
    stopImpersonating: (address) => void impersonated.delete(bytesToHex(address)),
    impersonateAll(every) {
      everyone = every
    },
  }
}
