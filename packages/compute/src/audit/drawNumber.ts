/** A number of an audit: nobody knows it before the round, everybody can draw it again afterwards. Spec: spec/alignment.md 13.2 */
import { bytesToUint, concatBytes, type Hex, hexToBytes, textToBytes, uintToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'

/**
 * 64 bits from keccak-256; what favours the lower numbers is below one in a billion.
 * @param beta - the auditor's 32 bytes of the round
 */
export function drawNumber(beta: Hex, target: Hex, what: string, index: number): bigint {
  const parts = [textToBytes(`weightless/audit/${what}`), hexToBytes(beta), hexToBytes(target)]
  return bytesToUint(keccak256(concatBytes([...parts, uintToBytes(BigInt(index), 4)])).subarray(0, 8))
}
