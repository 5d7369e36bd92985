/** The ten accounts of the usual test mnemonic; the slow stretching of the mnemonic happens once. */
import { bytesToHex } from 'viem'
import { mnemonicToAccount, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'

export const mnemonic = 'test test test test test test test test test test test junk'

const parent = mnemonicToAccount(mnemonic, { path: "m/44'/60'/0'/0" }).getHdKey()

export const testAccounts: readonly PrivateKeyAccount[] = Array.from({ length: 10 }, (_, index) =>
  privateKeyToAccount(bytesToHex(parent.deriveChild(index).privateKey!)),
)

/** Owns the contracts of the devnet: not account 0, whose nonces are its user's from 0 on. */
export const ownerAccountIndex = 8
