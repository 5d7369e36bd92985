/** Accounts that this node signs for (the devnet's test keys) and those it lets anyone send from (impersonation). */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { accountOf, secp256k1PublicKey } from '@weightless/crypto'

export type DevnetAccounts = {
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
export function openAccounts(privateKeys: readonly Uint8Array[]): DevnetAccounts {
  const unlocked = new Map<Hex, { address: Uint8Array; privateKey: Uint8Array }>()
  for (const privateKey of privateKeys) {
    const publicKey = secp256k1PublicKey(privateKey)
    if (!publicKey) throw new PrivateKeyInvalidError()
    const address = accountOf(publicKey)
    unlocked.set(bytesToHex(address), { address, privateKey })
  }
  const impersonated = new Map<Hex, Uint8Array>()
  let everyone = false
  return {
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

export class PrivateKeyInvalidError extends WeightlessError {
  constructor() {
    super('chain/private-key-invalid', 'A private key is not 32 bytes inside the order of the curve.')
  }
}
