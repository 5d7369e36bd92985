/** Opens the encrypted file in which a provider delivers an adapter. Spec: FINETUNING §8. */
import { bytesToHex, concatBytes, type Hex, hexToBytes, WeightlessError } from '@weightless/codec'
import { countUp, deliveryFormat } from '@weightless/compute/wire'
import { keccak256, recoverAccount } from '@weightless/crypto'
import { decrypt } from 'eciesjs'

const { signatureBytes, ivBytes, tagBytes } = deliveryFormat
const chunkBytes = deliveryFormat.chunkBytes + tagBytes

/**
 * @param sealedKey - `encryptedSecret` of the deliverable on the chain
 * @param privateKey - the account's, to whose public key the file's key is sealed
 * @throws {DeliveryInvalidError} another's, damaged, or not signed by the provider
 */
export async function openDelivery(
  file: Uint8Array,
  { sealedKey, privateKey, provider }: { sealedKey: Hex; privateKey: Hex; provider: Hex },
): Promise<Uint8Array> {
  const chunks = splitChunks(file.subarray(signatureBytes + ivBytes))
  const tags = concatBytes(chunks.map((chunk) => chunk.subarray(chunk.length - tagBytes)))
  const signer = recoverAccount(keccak256(tags), file.subarray(0, signatureBytes))
  if (!signer || bytesToHex(signer) !== provider.toLowerCase()) {
    throw new DeliveryInvalidError('the file is not signed by its provider')
  }
  const key = openKey(sealedKey, privateKey)
  const aes = await crypto.subtle.importKey('raw', key.slice(), 'AES-GCM', false, ['decrypt'])
  const iv = file.slice(signatureBytes, signatureBytes + ivBytes)
  const plain: Uint8Array[] = []
  for (const chunk of chunks) {
    try {
      const opened = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: iv.slice() }, aes, chunk.slice())
      plain.push(new Uint8Array(opened))
    } catch (cause) {
      throw new DeliveryInvalidError('the file is damaged, or its key is another', cause)
    }
    countUp(iv)
  }
  return concatBytes(plain)
}

function splitChunks(sealed: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < sealed.length; at += chunkBytes) chunks.push(sealed.subarray(at, at + chunkBytes))
  if (chunks.length === 0 || chunks.some((chunk) => chunk.length < tagBytes)) {
    throw new DeliveryInvalidError('the file is too short')
  }
  return chunks
}

function openKey(sealedKey: Hex, privateKey: Hex): Uint8Array {
  try {
    return new Uint8Array(decrypt(privateKey, hexToBytes(sealedKey)))
  } catch (cause) {
    throw new DeliveryInvalidError('its key is sealed to another account', cause)
  }
}

export class DeliveryInvalidError extends WeightlessError {
  constructor(reason: string, cause?: unknown) {
    super('sdk/delivery-invalid', `The delivery cannot be opened: ${reason}.`, { reason }, cause ? { cause } : {})
  }
}
