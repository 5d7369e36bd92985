/** Signed plain transfers (EIP-1559): every sender sends the same number, each to a recipient of its own. */
import { createHash } from 'node:crypto'
import { bytesToHex, type Hex } from '@weightless/codec'
import { accountOf, keccak256, secp256k1PublicKey } from '@weightless/crypto'
import { signTransaction } from '../../packages/chain/src/transactions/signTransaction.ts'

export type Transfers = { senders: Hex[]; raws: Hex[]; hashes: Hex[]; recipients: Hex[] }

/** `round` shifts the nonces, so that a second run on the same chain goes on where the first ended. */
export async function signTransfers(senderCount: number, perSender: number, round: number): Promise<Transfers> {
  const derive = (text: string) => new Uint8Array(createHash('sha256').update(text).digest())
  const keys = Array.from({ length: senderCount }, (_, index) => derive(`sender ${index}`))
  const senders = keys.map((key) => bytesToHex(accountOf(secp256k1PublicKey(key)!)))
  const transfers: Transfers = { senders, raws: [], hashes: [], recipients: [] }
  for (let at = 0; at < perSender; at++) {
    for (const [index, key] of keys.entries()) {
      const nonce = round * perSender + at
      const to = derive(`recipient ${index} ${nonce}`).subarray(0, 20)
      const fee = { maxFeePerGas: 20_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n }
      const plain = { chainId: 31337, gasLimit: 21_000n, value: 1n, data: new Uint8Array(0), accessList: [] }
      const raw = signTransaction({ ...plain, nonce, to, fee }, key)
      transfers.raws.push(bytesToHex(raw))
      transfers.hashes.push(bytesToHex(keccak256(raw)))
      transfers.recipients.push(bytesToHex(to))
    }
  }
  return transfers
}
