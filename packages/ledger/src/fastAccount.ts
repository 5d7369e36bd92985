/** A local account as viem's, which signs with the machine's own curve: tens of times faster where libsecp256k1 is there. */
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import { secp256k1Sign } from '@weightless/crypto'
import { hashMessage, hashTypedData } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'

/** Transactions and authorisations are viem's own; hashes, messages and typed data are signed here. */
export function fastAccount(privateKey: Hex): PrivateKeyAccount {
  const account = privateKeyToAccount(privateKey)
  const key = hexToBytes(privateKey)
  const sign = (hash: Hex): Hex => {
    const { signature, recoveryId } = secp256k1Sign(hexToBytes(hash), key)
    return `${bytesToHex(signature)}${recoveryId === 0 ? '1b' : '1c'}`
  }
  return {
    ...account,
    sign: async ({ hash }) => sign(hash),
    signMessage: async ({ message }) => sign(hashMessage(message)),
    signTypedData: async (typed) => sign(hashTypedData(typed)),
  }
}
