/**
 * Measures execution with all roots, on one core, without signature recovery: `node packages/evm/scripts/bench.ts`.
 * 25,000 funded accounts; blocks of 2,000; 5,000 senders with four transactions each; recipients drawn from 20,000.
 */
import { bytesToHex } from '@weightless/codec'
import {
  type BlockInput,
  createEvm,
  type EngineOptions,
  type Evm,
  emptyStateRoot,
  type TransactionInput,
} from '../src/index.ts'

const accounts = 25_000
const senders = 5_000
const blockTransactions = 2_000
const chainId = 31337
/** Balances in a mapping, one event: the work of an ERC-20 transfer without its ABI. */
const token = hex(
  '335f526020 5f20 8054602035 9003 9055 5f355f5260205f20 8054602035 01 9055 6020355f52 5f35 33 60dd 6020 5f a3 00',
)
const tokenAddress = address(0xffffff)

for (const [name, options] of [
  ['verified nodes', { nodes: 'verify' }],
  ['trusted nodes', { nodes: 'trust' }],
  ['verified nodes, cold cache', { nodes: 'verify', cacheBytesMax: 0 }],
  ['trusted nodes, cold cache', { nodes: 'trust', cacheBytesMax: 0 }],
] satisfies [string, EngineOptions][]) {
  for (const kind of ['transfer', 'token'] as const) await measure(name, options, kind)
}

async function measure(name: string, options: EngineOptions, kind: 'transfer' | 'token'): Promise<void> {
  const nodes = new Map<string, Uint8Array>()
  let readCount = 0
  const evm = await createEvm((key) => {
    readCount++
    return nodes.get(latin(key))
  }, options)
  const keep = (dirty: { key: Uint8Array; value: Uint8Array }[]) => {
    for (const { key, value } of dirty) nodes.set(latin(key), value.slice())
  }
  const genesis = evm.applyState(emptyStateRoot, [
    ...Array.from({ length: accounts }, (_, index) => ({ address: address(index), balance: 10n ** 21n })),
    {
      address: tokenAddress,
      code: token,
      nonce: 1n,
      storage: kind === 'token' ? Array.from({ length: accounts }, (_, index) => tokenBalance(evm, index)) : [],
    },
  ])
  keep(genesis.dirtyNodes)
  let root = genesis.stateRoot
  const plan = transactions(kind)
  readCount = 0
  let milliseconds = 0
  let cpu = 0
  let dirtyBytes = 0
  for (let number = 1; (number - 1) * blockTransactions < plan.length; number++) {
    const block = blockOf(root, number, plan.slice((number - 1) * blockTransactions, number * blockTransactions))
    const before = performance.now()
    const cpuBefore = process.cpuUsage()
    const output = evm.execute(block)
    milliseconds += performance.now() - before
    cpu += process.cpuUsage(cpuBefore).user / 1000
    const failed = output.receipts.filter((receipt) => receipt.status === 0).length
    if (failed > 0 || output.receipts.length !== block.transactions.length) throw new Error(`${failed} failed`)
    dirtyBytes += output.dirtyNodes.reduce((sum, { value }) => sum + value.length, 0)
    keep(output.dirtyNodes)
    root = output.stateRoot
  }
  const rate = (ms: number) => Math.round((1000 * plan.length) / ms)
  console.log(
    `${kind}, ${name}: ${rate(milliseconds)}/s wall, ${rate(cpu)} per CPU-s; ${plan.length} transactions, ` +
      `${readCount} node reads, ${(dirtyBytes / plan.length).toFixed(0)} dirty bytes each, root ${bytesToHex(root).slice(0, 14)}`,
  )
}

function transactions(kind: 'transfer' | 'token'): TransactionInput[] {
  let seed = 1
  const random = (limit: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed % limit
  }
  return Array.from({ length: senders * 4 }, (_, index) => {
    const recipient = address(senders + random(accounts - senders))
    const fields = [chainId, Math.floor(index / senders), 1, 100, kind === 'transfer' ? 21_000 : 100_000]
    const body =
      kind === 'transfer'
        ? [recipient, 1, new Uint8Array(0)]
        : [tokenAddress, 0, Uint8Array.from([...new Uint8Array(12), ...recipient, ...new Uint8Array(31), 1])]
    // The signature is left out of account here, as it is in the engine: any two words do.
    const list = rlpList([...fields, ...body, [], 0, 1, 1])
    return { raw: Uint8Array.from([2, ...list]), sender: address(index % senders) }
  })
}

function blockOf(parentStateRoot: Uint8Array, number: number, transactions: TransactionInput[]): BlockInput {
  return {
    parentStateRoot,
    number,
    timestamp: number,
    coinbase: address(0xfffffe),
    gasLimit: 1_000_000_000n,
    baseFeePerGas: 7n,
    prevRandao: new Uint8Array(32),
    chainId,
    blockHashes: [],
    transactions,
    withdrawals: [],
  }
}

type Rlp = number | Uint8Array | Rlp[]

function rlpList(items: Rlp[]): number[] {
  const payload = items.flatMap((item): number[] => {
    if (Array.isArray(item)) return rlpList(item)
    const bytes = typeof item === 'number' ? [...hex(item === 0 ? '' : item.toString(16))] : [...item]
    if (bytes.length === 1 && bytes[0]! < 0x80) return bytes
    return bytes.length < 56 ? [0x80 + bytes.length, ...bytes] : [0xb8, bytes.length, ...bytes]
  })
  return payload.length < 56 ? [0xc0 + payload.length, ...payload] : [0xf8, payload.length, ...payload]
}

function address(index: number): Uint8Array {
  const bytes = new Uint8Array(20)
  bytes[0] = 0xac
  new DataView(bytes.buffer).setUint32(16, index)
  return bytes
}

/** The slot is the hash of the padded address, which the engine itself computes. */
function tokenBalance(evm: Evm, index: number): { slot: Uint8Array; value: Uint8Array } {
  const value = new Uint8Array(32)
  value[20] = 1
  const block = blockOf(emptyStateRoot, 1, [])
  const stateOverrides = [{ address: tokenAddress, code: hex('335f526020 5f20 5f52 60205ff3') }]
  const hash = evm.call({ stateRoot: emptyStateRoot, block, from: address(index), to: tokenAddress, stateOverrides })
  if (hash.status !== 'success') throw new Error(hash.status)
  return { slot: hash.output, value }
}

function hex(text: string): Uint8Array {
  const digits = text.replaceAll(' ', '')
  return Uint8Array.from((digits.length % 2 ? `0${digits}` : digits).match(/../g) ?? [], (byte) =>
    Number.parseInt(byte, 16),
  )
}

function latin(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
