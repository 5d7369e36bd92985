/** The first block: accounts that exist from the start, written straight into an empty state. */
import { type Hex, hexToBytes } from '@weightless/codec'
import type { AccountChange, DirtyNode, Evm } from '@weightless/evm'
import { chainLimits } from '../limits.ts'
import type { Block } from './block.ts'
import { blockSizeBytes } from './blockRecord.ts'
import { emptyBloom, emptyTrieRoot, type Header, hashHeader, zeroHash } from './header.ts'

/**
 * Accounts by address. Quantities are bigint, number, or hex or decimal text (as in a genesis.json); slots and values
 * are hex of up to 32 bytes.
 */
export type GenesisAlloc = { readonly [address: string]: GenesisAccount }

export type GenesisAccount = {
  balance?: bigint | number | string
  nonce?: bigint | number | string
  code?: Hex | string
  storage?: { readonly [slot: string]: string }
}

export type Genesis = { block: Block; dirtyNodes: readonly DirtyNode[] }

/** Same input, same block hash on every machine. */
export function createGenesis(evm: Evm, alloc: GenesisAlloc, timestamp: number): Genesis {
  const { stateRoot, dirtyNodes } = evm.applyState(emptyTrieRoot, Object.entries(alloc).map(toChange))
  const header: Header = {
    parentHash: zeroHash,
    coinbase: new Uint8Array(20),
    stateRoot,
    transactionsRoot: emptyTrieRoot,
    receiptsRoot: emptyTrieRoot,
    logsBloom: emptyBloom,
    number: 0,
    gasLimit: chainLimits.blockGasLimit,
    gasUsed: 0n,
    timestamp,
    extraData: new Uint8Array(0),
    prevRandao: zeroHash,
    baseFeePerGas: chainLimits.genesisBaseFeePerGas,
    withdrawalsRoot: emptyTrieRoot,
    blobGasUsed: 0n,
    excessBlobGas: 0n,
    parentBeaconBlockRoot: zeroHash,
  }
  const block = {
    hash: hashHeader(header),
    header,
    transactions: [],
    receipts: [],
    sizeBytes: blockSizeBytes(header, []),
  }
  return { block, dirtyNodes }
}

function toChange([address, account]: [string, GenesisAccount]): AccountChange {
  return {
    address: padded(address, 20),
    balance: BigInt(account.balance ?? 0),
    nonce: BigInt(account.nonce ?? 0),
    ...(account.code === undefined ? {} : { code: hexToBytes(account.code) }),
    storage: Object.entries(account.storage ?? {}).map(([slot, value]) => ({
      slot: padded(slot, 32),
      value: padded(value, 32),
    })),
  }
}

/** @throws {HexInvalidError} */
function padded(text: string, width: number): Uint8Array {
  const digits = text.startsWith('0x') ? text.slice(2) : text
  return hexToBytes(digits.padStart(2 * width, '0'))
}
