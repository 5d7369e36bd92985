/**
 * The shape of the execution engine: every call names the state root it starts from, and nothing but a bounded cache of
 * trie nodes outlives a call, so any root whose nodes the host can read, however old, is as good as the newest.
 *
 * Units: gas and wei are bigint; block numbers, indices and timestamps (seconds) are number; addresses are 20 bytes,
 * hashes, slots and storage values 32 bytes, big-endian.
 */
export type Evm = {
  /**
   * Executes a block on `parentStateRoot`: EIP-4788 (and, from Prague, EIP-2935) system calls where those contracts
   * exist, then the transactions, then the withdrawals. The new trie nodes and codes come back in `dirtyNodes` and must
   * be readable through `readNode` before the next call that uses `stateRoot`.
   * @throws {EvmBlockInvalidError} in `import` mode, when any transaction may not stand in this block
   * @throws {EvmNodeMissingError | EvmNodeCorruptError | EvmInputError | EvmTrapError}
   */
  execute(block: BlockInput): BlockOutput
  /** Runs one call (eth_call) without changing anything. A call that cannot start has status `invalid`; it never throws for that. */
  call(call: CallInput): CallOutput
  /** Smallest gas limit, to within 1.5 %, with which the call succeeds; binary search downwards from `call.gas` or the block gas limit. */
  estimateGas(call: CallInput): EstimateOutput
  /** Addresses and slots the call touches (EIP-2930), repeated until the list no longer changes the path taken. */
  createAccessList(call: CallInput): AccessListOutput
  /** Call tree of one call, as geth's callTracer with logs. */
  traceCall(call: CallInput): CallTrace
  /** Every opcode of one call, as geth's struct logger; at most `stepsMax` steps. */
  traceCallSteps(call: CallInput, options?: StepOptions): StepTrace
  /** Call trees of all transactions of a block, in input order; `undefined` for a transaction that was rejected. */
  traceBlock(block: BlockInput): (CallFrame | undefined)[]
  /** Opcodes of transaction `index` (input order) of a block, after executing those before it. */
  traceTransactionSteps(block: BlockInput, index: number, options?: StepOptions): StepTrace
  /** Undefined when the account does not exist. */
  getAccount(stateRoot: Uint8Array, address: Uint8Array): Account | undefined
  /** 32 bytes; zeros when the account or the slot does not exist. */
  getStorage(stateRoot: Uint8Array, address: Uint8Array, slot: Uint8Array): Uint8Array
  /** Empty for the hash of no code. */
  getCode(codeHash: Uint8Array): Uint8Array
  /** EIP-1186: the trie nodes on the way to the account and to each slot; also proofs of absence. */
  getProof(stateRoot: Uint8Array, address: Uint8Array, slots: readonly Uint8Array[]): AccountProof
  /** Writes state directly: genesis, anvil_setBalance, setCode, setStorageAt. Nodes come back as from `execute`. */
  applyState(stateRoot: Uint8Array, changes: readonly AccountChange[]): StateOutput
}

/** Reads one trie node or contract code by its keccak256, blocking; undefined when the host does not have it. */
export type ReadNode = (key: Uint8Array) => Uint8Array | undefined

/** `cancun-p256`: Cancun with the precompile of EIP-7951 at address 0x100, at its price of 6,900 gas, and nothing else of Osaka. */
export type Spec = 'cancun' | 'prague' | 'osaka' | 'cancun-p256'

/** What the EVM sees of the block around it. */
export type BlockContext = {
  number: number
  /** Seconds since the Unix epoch. */
  timestamp: number
  coinbase: Uint8Array
  gasLimit: bigint
  baseFeePerGas: bigint
  prevRandao: Uint8Array
  chainId: number
  /** Hashes of the preceding blocks for BLOCKHASH, newest first: `[0]` is block `number - 1`. At most 256 are used. */
  blockHashes: readonly Uint8Array[]
  /** Defaults to `cancun`. */
  spec?: Spec
}

export type BlockInput = BlockContext & {
  parentStateRoot: Uint8Array
  /** EIP-4788; absent means that the beacon root contract is not called. */
  parentBeaconBlockRoot?: Uint8Array
  transactions: readonly TransactionInput[]
  withdrawals: readonly Withdrawal[]
  /** `build` skips transactions that may not stand in the block and says why; `import` (the default) refuses the block. */
  mode?: 'build' | 'import'
}

/** `raw` is the signed envelope (types 0, 1, 2, and 4 from Prague); `sender` was recovered by the caller and is trusted. */
export type TransactionInput = { raw: Uint8Array; sender: Uint8Array }

export type Withdrawal = { index: number; validatorIndex: number; address: Uint8Array; amountGwei: bigint }

export type BlockOutput = StateOutput & {
  transactionsRoot: Uint8Array
  receiptsRoot: Uint8Array
  withdrawalsRoot: Uint8Array
  /** 256 bytes. */
  logsBloom: Uint8Array
  gasUsed: bigint
  /** One for each transaction that stands in the block, in order. */
  receipts: Receipt[]
  /** `build` mode only: the skipped transactions, in input order. */
  rejected: Rejection[]
}

export type StateOutput = {
  stateRoot: Uint8Array
  /** Trie nodes and contract codes alike, keyed by their keccak256. */
  dirtyNodes: DirtyNode[]
}

export type DirtyNode = { key: Uint8Array; value: Uint8Array }

export type Receipt = {
  /** Position in `BlockInput.transactions`; the position in the block is the position in `receipts`. */
  inputIndex: number
  type: number
  status: 0 | 1
  gasUsed: bigint
  cumulativeGasUsed: bigint
  effectiveGasPrice: bigint
  contractAddress?: Uint8Array
  /** 256 bytes. */
  bloom: Uint8Array
  logs: Log[]
}

export type Log = { address: Uint8Array; topics: Uint8Array[]; data: Uint8Array }

export type Rejection = { index: number; code: InvalidCode; message: string }

/** Why a transaction or call cannot start. `block-gas`: it would fit into an emptier block. */
export type InvalidCode =
  | 'malformed'
  | 'type-unsupported'
  | 'chain-id'
  | 'nonce-too-low'
  | 'nonce-too-high'
  | 'insufficient-funds'
  | 'fee-below-base'
  | 'priority-above-max-fee'
  | 'intrinsic-gas'
  | 'gas-above-limit'
  | 'block-gas'
  | 'sender-not-eoa'
  | 'init-code-size'
  | 'other'

/** Absent fields: `from` is the zero address, no `to` creates a contract, no fee means a gas price of zero and no base fee check. */
export type CallInput = {
  stateRoot: Uint8Array
  /** Block overrides are made by changing this. */
  block: BlockContext
  from?: Uint8Array
  to?: Uint8Array
  data?: Uint8Array
  value?: bigint
  /** Gas limit; defaults to the block's gas limit. The block's limit does not bound it. */
  gas?: bigint
  /** Either this or the two EIP-1559 fields. */
  gasPrice?: bigint
  maxFeePerGas?: bigint
  maxPriorityFeePerGas?: bigint
  accessList?: readonly AccessListItem[]
  /** Applied before the call; forgotten after it. */
  stateOverrides?: readonly AccountChange[]
}

export type AccessListItem = { address: Uint8Array; storageKeys: readonly Uint8Array[] }

export type CallOutput =
  | { status: 'success'; output: Uint8Array; gasUsed: bigint; logs: Log[]; contractAddress?: Uint8Array }
  /** `output` is the revert data, to be decoded against the ABI's errors. */
  | { status: 'revert'; output: Uint8Array; gasUsed: bigint }
  /** Out of gas, invalid opcode, stack underflow and so on, in geth's words. */
  | { status: 'halt'; reason: string; gasUsed: bigint }
  | { status: 'invalid'; code: InvalidCode; message: string }

export type EstimateOutput =
  | { ok: true; gas: bigint }
  | { ok: false; result: Exclude<CallOutput, { status: 'success' }> }

export type AccessListOutput = { accessList: AccessListItem[]; result: CallOutput }

/** `root` is absent only when the call is `invalid`. */
export type CallTrace = { result: CallOutput; root?: CallFrame }

export type CallFrame = {
  type: 'CALL' | 'CALLCODE' | 'DELEGATECALL' | 'STATICCALL' | 'CREATE' | 'CREATE2' | 'SELFDESTRUCT'
  from: Uint8Array
  /** Absent for a creation that failed before it had an address. */
  to?: Uint8Array
  value: bigint
  gas: bigint
  gasUsed: bigint
  input: Uint8Array
  output: Uint8Array
  /** geth's words, e.g. `execution reverted`, `out of gas`. */
  error?: string
  logs: Log[]
  calls: CallFrame[]
}

/** Defaults: stack and storage, no memory, at most 100,000 steps. */
export type StepOptions = { memory?: boolean; stack?: boolean; storage?: boolean; stepsMax?: number }

export type StepTrace = {
  result: CallOutput
  steps: Step[]
  /** True when there were more than `stepsMax` steps, or when the snapshots grew over 256 MiB. */
  truncated: boolean
}

export type Step = {
  pc: number
  opcode: number
  gas: bigint
  gasCost: bigint
  depth: number
  refund: bigint
  /** Top last; present when asked for (default). */
  stack?: bigint[]
  /** Present when asked for (not by default). */
  memory?: Uint8Array
  /** The slot read or written by this step; present when asked for (default) and the step is SLOAD or SSTORE. */
  storage?: { slot: Uint8Array; value: Uint8Array }
}

export type Account = { nonce: bigint; balance: bigint; codeHash: Uint8Array; storageRoot: Uint8Array }

export type AccountProof = {
  /** Undefined when the proof is one of absence. */
  account: Account | undefined
  accountProof: Uint8Array[]
  storageProofs: { slot: Uint8Array; value: Uint8Array; proof: Uint8Array[] }[]
}

/** Absent fields stay as they are. */
export type AccountChange = {
  address: Uint8Array
  balance?: bigint
  nonce?: bigint
  code?: Uint8Array
  /** Drops all slots before `storage` is written. */
  clearStorage?: boolean
  storage?: readonly { slot: Uint8Array; value: Uint8Array }[]
}
