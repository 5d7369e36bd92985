/** The ten accounts of the usual test mnemonic; the slow stretching of the mnemonic happens once. */
import { bytesToHex, type Hex } from 'viem'
import { mnemonicToAccount, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'

export const mnemonic = 'test test test test test test test test test test test junk'

const parent = mnemonicToAccount(mnemonic, { path: "m/44'/60'/0'/0" }).getHdKey()

export const testKeys: readonly Hex[] = Array.from({ length: 10 }, (_, index) =>
  bytesToHex(parent.deriveChild(index).privateKey!),
)

export const testAccounts: readonly PrivateKeyAccount[] = testKeys.map((key) => privateKeyToAccount(key))

/** Owns the contracts of the devnet: not account 0, whose nonces are its user's from 0 on. */
export const ownerAccountIndex = 8
