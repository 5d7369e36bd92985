/**
 * Recovers the senders of a batch of signatures; runs on a worker thread through `env.tasks`, so everything travels as
 * one flat array each way.
 *
 * Shapes: input [n][32 signing hash, 64 r and s, 1 parity] -> output [n][1 found, 20 address].
 */
import { accountOf, secp256k1Recover } from '@weightless/crypto'

export const recoverInputBytes = 97
export const recoverOutputBytes = 21

export default function recoverBatch(input: Uint8Array): Uint8Array {
  const count = Math.floor(input.length / recoverInputBytes)
  const output = new Uint8Array(count * recoverOutputBytes)
  for (let i = 0; i < count; i++) {
    const at = i * recoverInputBytes
    const hash = input.subarray(at, at + 32)
    const signature = input.subarray(at + 32, at + 96)
    const publicKey = secp256k1Recover(hash, signature, input[at + 96] === 1 ? 1 : 0)
    if (publicKey === undefined) continue
    output[i * recoverOutputBytes] = 1
    output.set(accountOf(publicKey), i * recoverOutputBytes + 1)
  }
  return output
}
