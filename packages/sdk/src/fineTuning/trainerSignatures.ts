/** What a user signs for a fine-tuning provider, in the existing SDK's way. Spec: FINETUNING §7. */
import { bytesToHex, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import type { LedgerAccount } from '@weightless/ledger'
import { encodePacked } from 'viem'
import { signRaw } from '../account/signRaw.ts'

export function signTask(account: LedgerAccount, nonce: bigint, datasetRoot: string): Promise<Hex> {
  return sign(
    account,
    hexToBytes(encodePacked(['address', 'uint256', 'string'], [account.address, nonce, datasetRoot])),
  )
}

export function signCancel(account: LedgerAccount, taskId: string): Promise<Hex> {
  return sign(account, hexToBytes(`0x${taskId.replaceAll('-', '')}`))
}

export function signUpload(account: LedgerAccount, timestampSeconds: number): Promise<Hex> {
  return sign(account, textToBytes(`${account.address}${timestampSeconds}`))
}

export function signRefund(account: LedgerAccount, timestampSeconds: number): Promise<Hex> {
  return sign(account, textToBytes(`refund-consent ${account.address}${timestampSeconds}`))
}

export function signDownload(account: LedgerAccount, taskId: string, timestampSeconds: number): Promise<Hex> {
  return sign(account, textToBytes(`${taskId.replaceAll('-', '')}${timestampSeconds}`))
}

/** The hash is signed as a number's bytes: leading zero bytes are left out. */
function sign(account: LedgerAccount, message: Uint8Array): Promise<Hex> {
  const hash = keccak256(message)
  const first = hash.findIndex((byte) => byte !== 0)
  return signRaw(account, bytesToHex(hash.subarray(first < 0 ? hash.length : first)))
}
