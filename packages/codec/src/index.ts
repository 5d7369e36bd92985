export { decodeBase64, encodeBase64 } from './base64.ts'
export { bytesEqual, bytesToText, bytesToUint, concatBytes, textToBytes, uintToBytes } from './bytes.ts'
export { crc32, crcTables, setCrc32, sliceByEight } from './crc32.ts'
export { readUint32, readUint64, writeUint32, writeUint64 } from './fixedUints.ts'
export { freeBuffer, freeBytes } from './freeBytes.ts'
export { bytesToHex, type Hex, HexInvalidError, hexToBytes, hexToQuantity, isHexOf, quantityToHex } from './hex.ts'
export {
  asRlpBytes,
  asRlpList,
  decodeRlp,
  encodeRlp,
  RlpInvalidError,
  type RlpItem,
  type RlpSpan,
  readRlpSpan,
  rlpToUint,
  spanToUint,
  uintToRlp,
  wrapRlpList,
} from './rlp.ts'
export { accept, reject, type Verdict } from './verdict.ts'
export { type ErrorFacts, WeightlessError } from './weightlessError.ts'
