/** The well-known accounts of a devnet, from the usual test mnemonic, and which of them the services use. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { genesis } from '@weightless/contracts'
import { fastAccount } from '@weightless/ledger'
import { mnemonicToAccount, type PrivateKeyAccount } from 'viem/accounts'

export const devnetAccountCount = 10

/** Pays for what the gateway buys; also stores the default model and does first light. */
export const gatewayAccountIndex = 8

/** The accounts of each model's first provider, in the order in which they start. Account 0 to 3 are the user's alone. */
export const providerAccountIndices = [9, 7, 6, 5, 4] as const

/** Pays for what is put through the S3 gateway; it gets its tokens from the gateway's account. */
export const s3AccountIndex = 10

/** Pays for mining on the devnet and is paid for it; it too begins with tokens of the gateway's account. */
export const minerAccountIndex = 11

/** The accounts of further providers of the same model; they begin with tokens of the gateway's account. */
export const twinAccountIndices = [12, 13, 14] as const

/** Audit the others; they begin with tokens of the gateway's account. */
export const auditorAccountIndices = [15, 16, 17] as const

/** Of the provider that is bad on purpose. */
export const plantedAccountIndex = 18

/** Owns the contracts, and plants. */
export const ownerKeyIndex = genesis.ownerAccountIndex

export type DevnetKey = { address: Hex; privateKey: Hex; account: PrivateKeyAccount }

export function devnetKey(index: number): DevnetKey {
  const account = mnemonicToAccount(genesis.mnemonic, { addressIndex: index })
  const privateKey = account.getHdKey().privateKey
  if (!privateKey) throw new Error('unreachable: a mnemonic account has a private key')
  const hex = bytesToHex(privateKey)
  return { address: account.address, privateKey: hex, account: fastAccount(hex) }
}

export function devnetKeys(): DevnetKey[] {
  return Array.from({ length: devnetAccountCount }, (_, index) => devnetKey(index))
}
