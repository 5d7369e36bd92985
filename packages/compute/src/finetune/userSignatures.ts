/** The signatures of a fine-tuning user: four exactly as the existing SDK (0.9.0) makes them, and ours for a refund in the same way. Spec: FINETUNING §7. */
import { type Hex, textToBytes } from '@weightless/codec'
import { encodePacked, hashMessage, hexToBytes, keccak256, recoverPublicKey } from 'viem'
import { publicKeyToAddress } from 'viem/utils'

export type Signer = { address: Hex; publicKey: Hex }

/** Over the task's request. */
export function signerOfTask(request: { user: Hex; nonce: bigint; datasetHash: string; signature: Hex }) {
  const { user, nonce, datasetHash, signature } = request
  return recover(keccak256(encodePacked(['address', 'uint256', 'string'], [user, nonce, datasetHash])), signature)
}

/** Over the task's id, to take it back. */
export function signerOfCancel(taskId: string, signature: Hex) {
  return recover(keccak256(`0x${taskId.replaceAll('-', '')}`), signature)
}

/** Over the task's id and a time in seconds, to fetch the encrypted adapter. */
export function signerOfDownload(taskId: string, timestampSeconds: number, signature: Hex) {
  return recover(keccak256(textToBytes(`${taskId.replaceAll('-', '')}${timestampSeconds}`)), signature)
}

/** @param userText - the address as the user wrote it, case and all */
export function signerOfUpload(userText: string, timestampSeconds: string, signature: Hex) {
  return recover(keccak256(textToBytes(`${userText}${timestampSeconds}`)), signature)
}

/** @param userText - the address as the user wrote it, case and all */
export function signerOfRefund(userText: string, timestampSeconds: number, signature: Hex) {
  return recover(keccak256(textToBytes(`refund-consent ${userText}${timestampSeconds}`)), signature)
}

/** Undefined for a signature that is none. */
async function recover(hash: Hex, signature: Hex): Promise<Signer | undefined> {
  try {
    const publicKey = await recoverPublicKey({ hash: hashMessage({ raw: withoutLeadingZeros(hash) }), signature })
    return { address: publicKeyToAddress(publicKey).toLowerCase() as Hex, publicKey }
  } catch {
    // Hostile input, hence an answer.
    return undefined
  }
}

/** The SDK signs the hash as a number's bytes: a hash that begins with a zero byte is signed without it. */
function withoutLeadingZeros(hash: Hex): Uint8Array {
  const bytes = hexToBytes(hash)
  const first = bytes.findIndex((byte) => byte !== 0)
  return first < 0 ? bytes.subarray(bytes.length) : bytes.subarray(first)
}
