/**
 * The chain's own EVM (revm, `@weightless/evm`) as the stage of a contract rig: fifty times faster than the one in
 * JavaScript, and every earlier state is a root to go back to. Transactions need no signatures, gas is free.
 */
import { bytesToHex, encodeRlp, type Hex, hexToBytes, uintToRlp } from '@weightless/codec'
import { type BlockContext, createEvm, emptyStateRoot, type Log, type StateOutput } from '@weightless/evm'
import { type Alloc, type AllocEntry, blockHash, type LocalEvm, type Message, type Sent } from './localEvm.ts'

const coinbase = hexToBytes('0x00000000000000000000000000000000000c0ba5')
const gasLimit = 100_000_000n
/** Any numbers do: the sender is given, not recovered. */
const noSignature = [Uint8Array.of(27), Uint8Array.of(1), Uint8Array.of(1)]

export async function createRevmEvm(options: { chainId: number; timestamp: bigint; alloc: Alloc }): Promise<LocalEvm> {
  const state = await createState()
  const block = { number: 0n, timestamp: options.timestamp }
  const codes = new Map<Hex, Hex>()
  const { evm } = state

  function context(): BlockContext {
    const { number, timestamp } = block
    const [bare, chainId] = [{ coinbase, gasLimit, baseFeePerGas: 0n, prevRandao: new Uint8Array(32) }, options.chainId]
    // the last one is enough: no contract looks further back
    const blockHashes = number > 0n ? [hexToBytes(blockHash(Number(number) - 1))] : []
    const at = { number: Number(number), timestamp: Number(timestamp) }
    return { ...bare, ...at, chainId, blockHashes, spec: 'cancun-p256' }
  }

  /** A transaction tells no return value, so the same call comes first; what it reverts needs no transaction. */
  function send({ from, to, data = '0x', value = 0n, gas = gasLimit, isView }: Message): Sent {
    const [sender, target, input, now] = [hexToBytes(from), hexToBytes(to), hexToBytes(data), context()]
    const called = evm.call({ stateRoot: state.root(), block: now, from: sender, to: target, data: input, value, gas })
    if (called.status === 'invalid') throw new Error(`the call cannot start: ${called.code}, ${called.message}`)
    const output = 'output' in called ? bytesToHex(called.output) : '0x'
    if (called.status !== 'success') return { ok: false, output, gasUsed: called.gasUsed, logs: [] }
    if (isView) return { ok: true, output, gasUsed: called.gasUsed, logs: [] }
    const nonce = evm.getAccount(state.root(), sender)?.nonce ?? 0n
    const fields = [uintToRlp(nonce), uintToRlp(0n), uintToRlp(gas), target, uintToRlp(value), input]
    const transactions = [{ raw: encodeRlp([...fields, ...noSignature]), sender }]
    const parentStateRoot = state.root()
    const { receipts } = state.keep(evm.execute({ ...now, parentStateRoot, transactions, withdrawals: [] }))
    const [receipt] = receipts
    if (receipt?.status !== 1) throw new Error('a transaction failed whose call had not')
    return { ok: true, output, gasUsed: receipt.gasUsed, logs: receipt.logs.map(plainLog) }
  }

  /** Accounts with code send as well in the rigs: as if they had none, which nothing that they call can see. */
  function sendAs(message: Message): Sent {
    const code = codes.get(message.from.toLowerCase() as Hex)
    if (code === undefined || message.isView) return send(message)
    write(message.from, { code: '0x' })
    try {
      return send(message)
    } finally {
      write(message.from, { code })
    }
  }

  function write(address: Hex, { balance, nonce, code, storage }: AllocEntry): void {
    const slots = Object.entries(storage ?? {}).map(([slot, value]) => ({
      slot: hexToBytes(slot as Hex),
      value: hexToBytes(value),
    }))
    const change = {
      address: hexToBytes(address),
      ...(balance === undefined ? {} : { balance }),
      ...(nonce === undefined ? {} : { nonce: BigInt(nonce) }),
      ...(code === undefined ? {} : { code: hexToBytes(code) }),
      ...(slots.length === 0 ? {} : { storage: slots }),
    }
    state.keep(evm.applyState(state.root(), [change]))
  }

  for (const [address, entry] of Object.entries(options.alloc)) write(address as Hex, entry)
  return {
    block,
    send: async (message) => sendAs(message),
    place: () => Promise.reject(new Error('contracts come from the genesis here')),
    contracts: () => Promise.reject(new Error('writes are not recorded here')),
    async setAccount(address, entry) {
      if (entry.code !== undefined) codes.set(address.toLowerCase() as Hex, entry.code)
      write(address, entry)
    },
    balance: async (address) => evm.getAccount(state.root(), hexToBytes(address))?.balance ?? 0n,
    async code(address) {
      const account = evm.getAccount(state.root(), hexToBytes(address))
      return account ? bytesToHex(evm.getCode(account.codeHash)) : '0x'
    },
    advance(blocks, seconds) {
      block.number += BigInt(blocks)
      block.timestamp += BigInt(seconds)
    },
    mark() {
      const [goBack, { number, timestamp }] = [state.mark(), { ...block }]
      return () => {
        goBack()
        Object.assign(block, { number, timestamp })
      }
    },
  }
}

/** Trie nodes in memory; those of after a mark are dropped when it is gone back to. */
async function createState() {
  let kept = new Map<string, Uint8Array>()
  let fresh = new Map<string, Uint8Array>()
  let root = emptyStateRoot
  const nameOf = (key: Uint8Array) => Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
  const evm = await createEvm((key) => fresh.get(nameOf(key)) ?? kept.get(nameOf(key)))
  return {
    evm,
    root: () => root,
    keep<Output extends StateOutput>(output: Output): Output {
      for (const { key, value } of output.dirtyNodes) fresh.set(nameOf(key), value)
      root = output.stateRoot
      return output
    },
    /** One at a time. */
    mark(): () => void {
      kept = new Map([...kept, ...fresh])
      fresh = new Map()
      const marked = root
      return () => {
        fresh.clear()
        root = marked
      }
    },
  }
}

function plainLog({ address, topics, data }: Log): Sent['logs'][number] {
  const [first, ...rest] = topics.map((topic) => bytesToHex(topic))
  return { address: bytesToHex(address), topics: [first!, ...rest], data: bytesToHex(data) }
}
