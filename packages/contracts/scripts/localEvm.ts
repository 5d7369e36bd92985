/** An EVM in memory (@ethereumjs/vm, Cancun with EIP-7951, as the chain's) for tests, gas figures and the genesis: transactions without signatures. */
import { createCustomCommon, Hardfork, Mainnet } from '@ethereumjs/common'
import { Account, createAddressFromString } from '@ethereumjs/util'
import { createVM, type VM } from '@ethereumjs/vm'
import { bytesToBigInt, bytesToHex, getAddress, type Hex, hexToBytes, keccak256, numberToHex } from 'viem'

/** The concrete machine: its interface type leaves out what a transaction has to reset. */
type EVM = VM['evm'] & {
  journal: { addWarmedAddress(address: Uint8Array): void }
  transientStorage: { clear(): void }
}

export type AllocEntry = { balance?: bigint; nonce?: number; code?: Hex; storage?: { readonly [slot: Hex]: Hex } }
export type Alloc = { readonly [address: Hex]: AllocEntry }
export type Log = { address: Hex; topics: [Hex, ...Hex[]]; data: Hex }
export type Sent = { ok: boolean; output: Hex; gasUsed: bigint; logs: Log[] }
/** `isView`: it changes nothing, so that a machine may leave the transaction out. */
export type Message = { from: Hex; to: Hex; data?: Hex; value?: bigint; gas?: bigint; isView?: boolean }

export type LocalEvm = {
  /** Runs a transaction; `gasUsed` is what a receipt would say (intrinsic gas and refunds included). */
  send(message: Message): Promise<Sent>
  /** Runs creation code in place and leaves its answer as the code of `address`. */
  place(address: Hex, initCode: Hex, from: Hex): Promise<void>
  setAccount(address: Hex, entry: AllocEntry): Promise<void>
  balance(address: Hex): Promise<bigint>
  code(address: Hex): Promise<Hex>
  /** Contracts that were made or written, if writes are recorded: nonce, code, non-zero slots. */
  contracts(): Promise<{ [address: Hex]: AllocEntry }>
  /** Moves on by blocks and seconds. */
  advance(blocks: number, seconds: number): void
  block: { number: bigint; timestamp: bigint }
  /** Remembers the state as it is; the answer goes back to it, any number of times. Not every machine can. */
  mark?(): () => void
}

/** `blockHash` stands in for past block hashes. */
export const blockHash = (number: number): Hex => keccak256(numberToHex(number, { size: 32 }))

export async function createLocalEvm(options: {
  chainId: number
  timestamp: bigint
  alloc?: Alloc
  recordStorage?: boolean
}): Promise<LocalEvm> {
  const common = createCustomCommon({ chainId: options.chainId }, Mainnet, {
    hardfork: Hardfork.Cancun,
    eips: [7951],
  })
  const blockchain = {
    getBlock: async (number: number) => ({ hash: () => hexToBytes(blockHash(number)) }),
    shallowCopy: () => blockchain,
  }
  const vm = await createVM({ common, blockchain: blockchain as never })
  const { stateManager } = vm
  const evm = vm.evm as EVM
  const written = recordWrites(evm, options.recordStorage === true)
  const block = { number: 0n, timestamp: options.timestamp }
  async function run(message: Message & { code?: Hex }): Promise<Sent> {
    const data = hexToBytes(message.data ?? '0x')
    const gasLimit = message.gas ?? 100_000_000n
    const intrinsic = intrinsicGas(data)
    const [caller, to] = [createAddressFromString(message.from), createAddressFromString(message.to)]
    for (const address of [message.from, message.to, coinbase]) evm.journal.addWarmedAddress(hexToBytes(address))
    const result = await evm.runCall({
      caller,
      to,
      data,
      value: message.value ?? 0n,
      gasLimit: gasLimit - intrinsic,
      block: blockView(block) as never,
      ...(message.code === undefined ? {} : { code: hexToBytes(message.code) }),
    })
    const { executionGasUsed, gasRefund = 0n, exceptionError, returnValue, logs = [] } = result.execResult
    const spent = executionGasUsed + intrinsic
    const refund = gasRefund < spent / 5n ? gasRefund : spent / 5n
    await evm.journal.cleanup()
    stateManager.originalStorageCache.clear()
    evm.transientStorage.clear()
    return {
      ok: exceptionError === undefined,
      output: bytesToHex(returnValue),
      gasUsed: spent - (exceptionError === undefined ? refund : 0n),
      logs: logs.map(([address, topics, bytes]) => ({
        address: bytesToHex(address),
        topics: topics.map((topic) => bytesToHex(topic)) as [Hex, ...Hex[]],
        data: bytesToHex(bytes),
      })),
    }
  }

  const local: LocalEvm = {
    send: run,
    async place(address, initCode, from) {
      await local.setAccount(address, { nonce: 1 })
      written.set(address.toLowerCase() as Hex, new Set())
      const made = await run({ from, to: address, code: initCode })
      if (!made.ok) throw new Error(`creation code of ${address} failed: ${made.output}`)
      await stateManager.putCode(createAddressFromString(address), hexToBytes(made.output))
    },
    setAccount: (address, entry) => writeAccount(stateManager, address, entry),
    balance: async (address) => (await stateManager.getAccount(createAddressFromString(address)))?.balance ?? 0n,
    code: async (address) => bytesToHex(await stateManager.getCode(createAddressFromString(address))),
    contracts: () => readContracts(stateManager, written),
    advance(blocks, seconds) {
      block.number += BigInt(blocks)
      block.timestamp += BigInt(seconds)
    },
    block,
  }
  for (const [address, entry] of Object.entries(options.alloc ?? {})) await local.setAccount(address as Hex, entry)
  return local
}

type StateManager = VM['stateManager']

async function writeAccount(stateManager: StateManager, address: Hex, entry: AllocEntry): Promise<void> {
  const key = createAddressFromString(address)
  const before = await stateManager.getAccount(key)
  const account = new Account(BigInt(entry.nonce ?? before?.nonce ?? 0), entry.balance ?? before?.balance ?? 0n)
  await stateManager.putAccount(key, account)
  if (entry.code !== undefined) await stateManager.putCode(key, hexToBytes(entry.code))
  for (const [slot, value] of Object.entries(entry.storage ?? {})) {
    // the trie keeps values without leading zeros
    await stateManager.putStorage(key, hexToBytes(slot as Hex), hexToBytes(numberToHex(BigInt(value))))
  }
}

async function readContracts(
  stateManager: StateManager,
  written: ReadonlyMap<Hex, ReadonlySet<Hex>>,
): Promise<{ [address: Hex]: AllocEntry }> {
  const contracts: { [address: Hex]: AllocEntry } = {}
  for (const [address, slots] of [...written].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const key = createAddressFromString(address)
    const code = bytesToHex(await stateManager.getCode(key))
    if (code === '0x') continue
    const storage: { [slot: Hex]: Hex } = {}
    for (const slot of [...slots].sort()) {
      // without leading zeros, and empty for zero
      const value = await stateManager.getStorage(key, hexToBytes(slot))
      if (value.some((byte) => byte !== 0)) storage[slot] = numberToHex(bytesToBigInt(value), { size: 32 })
    }
    contracts[getAddress(address)] = { nonce: Number((await stateManager.getAccount(key))?.nonce ?? 0n), code, storage }
  }
  return contracts
}

/** Slots by address, filled as code writes and creates. */
function recordWrites(evm: EVM, isOn: boolean): Map<Hex, Set<Hex>> {
  const written = new Map<Hex, Set<Hex>>()
  if (!isOn) return written
  const slotsOf = (address: Hex) => {
    const slots = written.get(address) ?? new Set<Hex>()
    written.set(address, slots)
    return slots
  }
  evm.events?.on('step', (step, resume) => {
    if (step.opcode.name === 'SSTORE') {
      slotsOf(step.address.toString()).add(numberToHex(step.stack.at(-1)!, { size: 32 }))
    }
    resume?.()
  })
  evm.events?.on('newContract', (made, resume) => {
    slotsOf(made.address.toString())
    resume?.()
  })
  return written
}

const coinbase: Hex = '0x00000000000000000000000000000000000c0ba5'

function blockView({ number, timestamp }: { number: bigint; timestamp: bigint }) {
  return {
    header: {
      number,
      timestamp,
      coinbase: createAddressFromString(coinbase),
      difficulty: 0n,
      prevRandao: new Uint8Array(32),
      gasLimit: 100_000_000n,
      baseFeePerGas: 0n,
      getBlobGasPrice: () => 1n,
    },
  }
}

/** Gas before the first instruction: 21,000, 4 for a zero byte and 16 for another (Cancun). */
function intrinsicGas(data: Uint8Array): bigint {
  let gas = 21_000n
  for (const byte of data) gas += byte === 0 ? 4n : 16n
  return gas
}
