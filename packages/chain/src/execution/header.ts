/** The block header of Cancun: its fields, its RLP and its hash. Spec: Yellow Paper 4.3.4 with EIP-1559, 4895, 4844, 4788. */
import { asRlpBytes, encodeRlp, hexToBytes, type RlpItem, rlpToUint, uintToRlp } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'

/** Hashes and roots are 32 bytes, the bloom 256; `timestamp` in seconds; fees in wei. */
export type Header = {
  parentHash: Uint8Array
  coinbase: Uint8Array
  stateRoot: Uint8Array
  transactionsRoot: Uint8Array
  receiptsRoot: Uint8Array
  logsBloom: Uint8Array
  number: number
  gasLimit: bigint
  gasUsed: bigint
  timestamp: number
  extraData: Uint8Array
  prevRandao: Uint8Array
  baseFeePerGas: bigint
  withdrawalsRoot: Uint8Array
  blobGasUsed: bigint
  excessBlobGas: bigint
  parentBeaconBlockRoot: Uint8Array
}

/** keccak256 of the empty list's RLP: there are no uncles since the merge. */
export const emptyUnclesHash = hexToBytes('0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347')
/** Root of the trie without entries. */
export const emptyTrieRoot = hexToBytes('0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421')
/** keccak256 of no bytes: the code hash of an account without code. */
export const emptyCodeHash = hexToBytes('0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470')
export const zeroHash = new Uint8Array(32)
export const emptyBloom = new Uint8Array(256)

export function headerToRlp(header: Header): RlpItem[] {
  return [
    header.parentHash,
    emptyUnclesHash,
    header.coinbase,
    header.stateRoot,
    header.transactionsRoot,
    header.receiptsRoot,
    header.logsBloom,
    uintToRlp(0),
    uintToRlp(header.number),
    uintToRlp(header.gasLimit),
    uintToRlp(header.gasUsed),
    uintToRlp(header.timestamp),
    header.extraData,
    header.prevRandao,
    new Uint8Array(8),
    uintToRlp(header.baseFeePerGas),
    header.withdrawalsRoot,
    uintToRlp(header.blobGasUsed),
    uintToRlp(header.excessBlobGas),
    header.parentBeaconBlockRoot,
  ]
}

/** @throws {RlpInvalidError} */
export function headerFromRlp(fields: readonly RlpItem[]): Header {
  return {
    parentHash: asRlpBytes(fields[0]),
    coinbase: asRlpBytes(fields[2]),
    stateRoot: asRlpBytes(fields[3]),
    transactionsRoot: asRlpBytes(fields[4]),
    receiptsRoot: asRlpBytes(fields[5]),
    logsBloom: asRlpBytes(fields[6]),
    number: Number(rlpToUint(fields[8])),
    gasLimit: rlpToUint(fields[9]),
    gasUsed: rlpToUint(fields[10]),
    timestamp: Number(rlpToUint(fields[11])),
    extraData: asRlpBytes(fields[12]),
    prevRandao: asRlpBytes(fields[13]),
    baseFeePerGas: rlpToUint(fields[15]),
    withdrawalsRoot: asRlpBytes(fields[16]),
    blobGasUsed: rlpToUint(fields[17]),
    excessBlobGas: rlpToUint(fields[18]),
    parentBeaconBlockRoot: asRlpBytes(fields[19]),
  }
}

export function hashHeader(header: Header): Uint8Array {
  return keccak256(encodeRlp(headerToRlp(header)))
}
