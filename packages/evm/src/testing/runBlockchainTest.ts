/** Runs one case of the Ethereum foundation's BlockchainTests: every valid block must come out as its header says. */
import { bytesToHex, hexToBytes } from '@weightless/codec'
import { emptyStateRoot } from '../createEvm.ts'
import type { BlockInput, BlockOutput, TransactionInput } from '../evm.ts'
import { createMemoryState } from './memoryState.ts'

/** The fields read here; the files have more. */
export type BlockchainTest = {
  network: string
  genesisBlockHeader: Header
  pre: Record<string, { balance: string; nonce: string; code: string; storage: Record<string, string> }>
  blocks: Block[]
}

type Header = Record<
  | 'hash'
  | 'parentHash'
  | 'number'
  | 'timestamp'
  | 'coinbase'
  | 'gasLimit'
  | 'gasUsed'
  | 'baseFeePerGas'
  | 'mixHash'
  | 'stateRoot'
  | 'transactionsTrie'
  | 'receiptTrie'
  | 'withdrawalsRoot'
  | 'bloom'
  | 'parentBeaconBlockRoot',
  string
>

type Block = {
  rlp: string
  blockHeader?: Header
  transactions?: { sender: string; type?: string }[]
  withdrawals?: { index: string; validatorIndex: string; address: string; amount: string }[]
  /** Present when the block is invalid. */
  expectException?: string
}

/** `blob`: the case has blob transactions, which this chain does not take. */
export type TestOutcome = { kind: 'passed' | 'blob' } | { kind: 'failed'; why: string }

export async function runBlockchainTest(test: BlockchainTest): Promise<TestOutcome> {
  const state = await createMemoryState()
  const changes = Object.entries(test.pre).map(([address, account]) => ({
    address: hexToBytes(address),
    balance: BigInt(account.balance),
    nonce: BigInt(account.nonce),
    ...(account.code.length > 2 && { code: hexToBytes(account.code) }),
    storage: Object.entries(account.storage).map(([slot, value]) => ({ slot: word(slot), value: word(value) })),
  }))
  const genesisRoot = state.applyState(emptyStateRoot, changes).stateRoot
  const genesis = test.genesisBlockHeader
  if (bytesToHex(genesisRoot) !== genesis.stateRoot) return { kind: 'failed', why: 'genesis state root' }
  const headers = new Map([[genesis.hash, genesis]])
  for (const [index, block] of test.blocks.entries()) {
    // Header rules are the chain's affair; an invalid block is only left out here.
    if (!block.blockHeader || block.expectException) continue
    if (block.transactions?.some(({ type }) => Number(type ?? 0) === 3)) return { kind: 'blob' }
    const parent = headers.get(block.blockHeader.parentHash)
    if (!parent) return { kind: 'failed', why: `block ${index} has no known parent` }
    const output = state.execute(inputOf(block, block.blockHeader, parent, headers))
    const why = differenceOf(output, block.blockHeader)
    if (why) return { kind: 'failed', why: `block ${index}: ${why}` }
    headers.set(block.blockHeader.hash, block.blockHeader)
  }
  return { kind: 'passed' }
}

function inputOf(block: Block, header: Header, parent: Header, headers: ReadonlyMap<string, Header>): BlockInput {
  const blockHashes: Uint8Array[] = []
  for (let ancestor: Header | undefined = parent; ancestor && blockHashes.length < 256; ) {
    blockHashes.push(hexToBytes(ancestor.hash))
    ancestor = headers.get(ancestor.parentHash)
  }
  return {
    parentStateRoot: hexToBytes(parent.stateRoot),
    number: Number(header.number),
    timestamp: Number(header.timestamp),
    coinbase: hexToBytes(header.coinbase),
    gasLimit: BigInt(header.gasLimit),
    baseFeePerGas: BigInt(header.baseFeePerGas),
    prevRandao: hexToBytes(header.mixHash),
    parentBeaconBlockRoot: hexToBytes(header.parentBeaconBlockRoot),
    chainId: 1,
    blockHashes,
    transactions: transactionsOf(block),
    withdrawals: (block.withdrawals ?? []).map((withdrawal) => ({
      index: Number(withdrawal.index),
      validatorIndex: Number(withdrawal.validatorIndex),
      address: hexToBytes(withdrawal.address),
      amountGwei: BigInt(withdrawal.amount),
    })),
  }
}

function transactionsOf(block: Block): TransactionInput[] {
  const [outer] = split(hexToBytes(block.rlp))
  const body = split(outer!.payload)[1]!
  return split(body.payload).map((item, index) => ({
    raw: item.isList ? item.whole : item.payload,
    sender: hexToBytes(block.transactions![index]!.sender),
  }))
}

type Item = { isList: boolean; payload: Uint8Array; whole: Uint8Array }

/** The items of an RLP payload, one level deep. */
function split(payload: Uint8Array): Item[] {
  const items: Item[] = []
  for (let at = 0; at < payload.length; ) {
    const first = payload[at]!
    const isList = first >= 0xc0
    const base = isList ? 0xc0 : 0x80
    const width = first - base > 55 ? first - base - 55 : 0
    const length = width
      ? payload.slice(at + 1, at + 1 + width).reduce((sum, byte) => sum * 256 + byte, 0)
      : first - base
    const start = first < 0x80 ? at : at + 1 + width
    const end = first < 0x80 ? at + 1 : start + length
    items.push({ isList, payload: payload.subarray(start, end), whole: payload.subarray(at, end) })
    at = end
  }
  return items
}

function differenceOf(output: BlockOutput, header: Header): string | undefined {
  if (output.gasUsed !== BigInt(header.gasUsed)) return `gas used ${output.gasUsed}, not ${BigInt(header.gasUsed)}`
  if (bytesToHex(output.stateRoot) !== header.stateRoot) return 'state root'
  if (bytesToHex(output.receiptsRoot) !== header.receiptTrie) return 'receipts root'
  if (bytesToHex(output.transactionsRoot) !== header.transactionsTrie) return 'transactions root'
  if (bytesToHex(output.withdrawalsRoot) !== header.withdrawalsRoot) return 'withdrawals root'
  return bytesToHex(output.logsBloom) === header.bloom ? undefined : 'logs bloom'
}

function word(hex: string): Uint8Array {
  return hexToBytes(hex.slice(2).padStart(64, '0'))
}
