/** What a service may ask of the chain: `read`, `submit`, `watch` and a few headers, over any JSON-RPC node. */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { Env } from '@weightless/env'
import {
  type Abi,
  type ContractFunctionArgs,
  type ContractFunctionName,
  encodeFunctionData,
  type ReadContractReturnType,
  type TransactionReceipt,
} from 'viem'
import { callContract, type ReadCall, rawCall } from './callContract.ts'
import { createJsonRpc, type JsonRpc } from './jsonRpc.ts'
import { createSubmitter, type LedgerAccount, type RawIntent, type SubmitOptions } from './submitTransaction.ts'
import {
  decodeLogs,
  type LedgerEvent,
  topicsOf,
  type WatchOptions,
  type WatchStep,
  watchEvents,
} from './watchEvents.ts'

export type LedgerOptions = {
  rpcUrl: string
  env: Pick<Env, 'network' | 'clock' | 'log'>
  /** Signs and pays in `submit`; a ledger without it only reads. */
  account?: LedgerAccount
  /** How often a waiting `submit` looks, and `watch` at most; default 200. */
  pollMs?: number
  /** Time for one HTTP exchange; default 15,000. */
  requestTimeoutMs?: number
  /** Further attempts when the node does not answer; default 3. */
  retriesMax?: number
}

export type ContractIntent<
  abi extends Abi | readonly unknown[],
  functionName extends ContractFunctionName<abi, 'nonpayable' | 'payable'>,
  args extends ContractFunctionArgs<abi, 'nonpayable' | 'payable', functionName>,
> = {
  address: string
  abi: abi
  functionName: functionName | ContractFunctionName<abi, 'nonpayable' | 'payable'>
  value?: bigint
  gas?: bigint
  /** Allowed beyond the estimate, for calls that cost more after what others do in the meantime. */
  gasExtra?: bigint
  /** Wei per gas, at most, for whoever makes the block; the node's suggestion without it. */
  tipPerGasMax?: bigint
} & (readonly [] extends args ? { args?: args } : { args: args })

export type BlockHead = { number: bigint; hash: Hex; parentHash: Hex; timestampSeconds: bigint }

export type Ledger = {
  rpc: JsonRpc
  /** The submitting account's address, if there is one. */
  address: Hex | undefined
  /** Calls a view function. @throws {TransactionRevertedError} @throws {LedgerUnreachableError} */
  read<
    const abi extends Abi | readonly unknown[],
    functionName extends ContractFunctionName<abi, 'pure' | 'view'>,
    const args extends ContractFunctionArgs<abi, 'pure' | 'view', functionName>,
  >(call: ReadCall<abi, functionName, args>): Promise<ReadContractReturnType<abi, functionName, args>>
  /**
   * Sends a contract call and waits for its (final) receipt.
   * @throws {TransactionRevertedError} with the decoded reason, before anything is sent where the node foresees it
   * @throws {InsufficientFundsError} @throws {TransactionPendingError} @throws {LedgerUnreachableError}
   */
  submit<
    const abi extends Abi | readonly unknown[],
    functionName extends ContractFunctionName<abi, 'nonpayable' | 'payable'>,
    const args extends ContractFunctionArgs<abi, 'nonpayable' | 'payable', functionName>,
  >(intent: ContractIntent<abi, functionName, args>, options?: SubmitOptions): Promise<TransactionReceipt>
  /** The same for a plain transfer, prepared call data or a contract creation. */
  submitRaw(intent: RawIntent, options?: SubmitOptions): Promise<TransactionReceipt>
  /** Runs a state-changing call without sending it; resolves if it would pass. @throws {TransactionRevertedError} */
  tryCall<
    const abi extends Abi | readonly unknown[],
    functionName extends ContractFunctionName<abi, 'nonpayable' | 'payable'>,
    const args extends ContractFunctionArgs<abi, 'nonpayable' | 'payable', functionName>,
  >(intent: ContractIntent<abi, functionName, args>): Promise<void>
  /** Events from `fromBlock` on, until `signal` aborts; survives the node being away. */
  watch<const abi extends Abi | readonly unknown[]>(
    options: WatchOptions<abi>,
    signal: AbortSignal,
  ): AsyncGenerator<WatchStep<abi>, void, undefined>
  /** Events of a closed range of blocks, in one page. */
  getEvents<const abi extends Abi | readonly unknown[]>(
    options: WatchOptions<abi> & { toBlock: bigint },
  ): Promise<LedgerEvent<abi>[]>
  blockNumber(): Promise<bigint>
  block(which: bigint | 'latest' | 'finalized'): Promise<BlockHead>
  balanceOf(address: string): Promise<bigint>
  chainId(): Promise<number>
}

export function createLedger(options: LedgerOptions): Ledger {
  const { env, account, pollMs = 200, requestTimeoutMs = 15_000 } = options
  const waitMs = Math.min(10_000, requestTimeoutMs / 2)
  const rpc = createJsonRpc(options)
  const submitRaw: Ledger['submitRaw'] = account
    ? createSubmitter({ rpc, env, account, pollMs })
    : () => Promise.reject(new LedgerReadOnlyError())

  return {
    rpc,
    address: account?.address,
    read: (call) => callContract(rpc, call),
    submit: (intent, submitOptions) => submitRaw(toRawIntent(intent as never), submitOptions),
    submitRaw,
    async tryCall(intent) {
      const { to, data, value, abi } = toRawIntent(intent as never)
      const from = account ? { from: account.address } : {}
      await rawCall(rpc, { ...from, to: to!, data: data!, ...(value === undefined ? {} : { value }) }, abi!)
    },
    watch: (watchOptions, signal) => watchEvents({ rpc, env, pollMs, waitMs }, watchOptions, signal),
    async getEvents(range) {
      const filter = {
        address: range.address,
        fromBlock: quantity(range.fromBlock),
        toBlock: quantity(range.toBlock),
        topics: topicsOf(range),
      }
      return decodeLogs(range.abi, (await rpc.request('eth_getLogs', [filter])) as never)
    },
    blockNumber: async () => BigInt((await rpc.request('eth_blockNumber')) as Hex),
    block: (which) => readBlock(rpc, which),
    balanceOf: async (address) => BigInt((await rpc.request('eth_getBalance', [address, 'latest'])) as Hex),
    chainId: async () => Number(await rpc.request('eth_chainId')),
  }
}

function toRawIntent(intent: {
  address: string
  abi: Abi
  functionName: string
  args?: readonly unknown[]
  value?: bigint
  gas?: bigint
  gasExtra?: bigint
  tipPerGasMax?: bigint
}): RawIntent {
  const { address, abi, functionName, args, value, gas, gasExtra, tipPerGasMax } = intent
  const data = encodeFunctionData({ abi, functionName, ...(args ? { args } : {}) } as never)
  return {
    ...{ to: address, data, abi },
    ...(value === undefined ? {} : { value }),
    ...(gas === undefined ? {} : { gas }),
    ...(gasExtra === undefined ? {} : { gasExtra }),
    ...(tipPerGasMax === undefined ? {} : { tipPerGasMax }),
  }
}

async function readBlock(rpc: JsonRpc, which: bigint | 'latest' | 'finalized'): Promise<BlockHead> {
  const tag = typeof which === 'bigint' ? quantity(which) : which
  const block = (await rpc.request('eth_getBlockByNumber', [tag, false])) as {
    number: Hex
    hash: Hex
    parentHash: Hex
    timestamp: Hex
  } | null
  if (!block) throw new BlockMissingError({ block: tag })
  const { number, hash, parentHash, timestamp } = block
  return { number: BigInt(number), hash, parentHash, timestampSeconds: BigInt(timestamp) }
}

const quantity = (value: bigint): Hex => `0x${value.toString(16)}`

export class LedgerReadOnlyError extends WeightlessError {
  constructor() {
    super('ledger/read-only', 'This ledger has no account to send from.', {}, { hint: 'Give createLedger an account.' })
  }
}

export class BlockMissingError extends WeightlessError {
  constructor(facts: { block: string }) {
    super('ledger/block-missing', 'The chain has no such block.', facts)
  }
}
