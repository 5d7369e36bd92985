/**
 * The execution engine inside this process: builds blocks from the pool, checks blocks of others, and keeps the chosen
 * chain. Consensus sees only the `Engine` methods; JSON-RPC reads through the rest.
 */
import {
  bytesEqual,
  bytesToHex,
  concatBytes,
  type Hex,
  textToBytes,
  uintToBytes,
  WeightlessError,
} from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import { type AccountChange, EvmBlockInvalidError, EvmTrapError } from '@weightless/evm'
import type {
  Engine,
  ExecutionPayloadV3,
  ForkchoiceState,
  ForkchoiceUpdated,
  PayloadAttributesV3,
  PayloadEnvelope,
  PayloadStatus,
} from '../engine.ts'
import { chainLimits, chainSpec, storeLimits } from '../limits.ts'
import type { Mempool } from '../mempool/mempool.ts'
import { createSignal } from '../signal.ts'
import { decodeTransaction } from '../transactions/decodeTransaction.ts'
import type { SenderRecovery } from '../transactions/senderRecovery.ts'
import type { SignedTransaction } from '../transactions/transaction.ts'
import type { Block } from './block.ts'
import type { ChainState } from './chainState.ts'
import { checkPayload, compareExecuted } from './checkPayload.ts'
import { type ExecutedBlock, type ExecuteInput, executeBlock } from './executeBlock.ts'
import { nextBaseFee } from './nextBaseFee.ts'

export type EngineParts = { state: ChainState; recovery: SenderRecovery; chainId: number }

export class EmbeddedEngine implements Engine {
  /** A block became the head, durably. */
  readonly headMoved = createSignal<Block>()
  /** The chain was taken back; the value is the new head. */
  readonly rewound = createSignal<Block>()
  readonly chainId: number
  readonly #state: ChainState
  readonly #recovery: SenderRecovery
  #pool: Mempool | undefined
  #head: Block
  /** State root on which the next block builds, when a devnet helper has edited the state since the head. */
  #editedRoot: Uint8Array | undefined
  readonly #candidates = new Map<Hex, ExecutedBlock>()
  readonly #payloads = new Map<Hex, Hex>()
  readonly #accounts = new Map<Hex, { nonce: number; balance: bigint }>()

  constructor(parts: EngineParts) {
    this.#state = parts.state
    this.#recovery = parts.recovery
    this.chainId = parts.chainId
    this.#head = parts.state.head()
  }

  /** The pool reads accounts here, so it can only be made after the engine. */
  usePool(pool: Mempool): void {
    this.#pool = pool
  }

  get head(): Block {
    return this.#head
  }

  get evm(): ChainState['evm'] {
    return this.#state.evm
  }

  get blocks(): ChainState['blocks'] {
    return this.#state.blocks
  }

  nextBaseFeePerGas(): bigint {
    return nextBaseFee(this.#head.header)
  }

  /** At the head; remembered until the head moves. */
  account(address: Uint8Array): { nonce: number; balance: bigint } {
    const key = bytesToHex(address)
    const known = this.#accounts.get(key)
    if (known !== undefined) return known
    const found = this.evm.getAccount(this.#editedRoot ?? this.#head.header.stateRoot, address)
    const account = found ? { nonce: Number(found.nonce), balance: found.balance } : { nonce: 0, balance: 0n }
    if (this.#accounts.size >= accountsMax) this.#accounts.clear()
    this.#accounts.set(key, account)
    return account
  }

  async forkchoiceUpdated(state: ForkchoiceState, attributes?: PayloadAttributesV3): Promise<ForkchoiceUpdated> {
    const status = await this.#choose(state.headBlockHash)
    if (status.status !== 'VALID' || attributes === undefined) return { payloadStatus: status, payloadId: undefined }
    if (attributes.timestamp < this.#head.header.timestamp)
      throw new PayloadAttributesError({ reason: 'timestamp before the head' })
    return { payloadStatus: status, payloadId: this.#build(attributes) }
  }

  async getPayload(payloadId: Uint8Array): Promise<PayloadEnvelope> {
    const executed = this.#candidates.get(this.#payloads.get(bytesToHex(payloadId)) ?? '0x')
    if (executed === undefined) throw new UnknownPayloadError({ payloadId: bytesToHex(payloadId) })
    const { block } = executed
    const blockValueWei = block.receipts.reduce(
      (sum, receipt) => sum + (receipt.effectiveGasPrice - block.header.baseFeePerGas) * receipt.gasUsed,
      0n,
    )
    return { executionPayload: toPayload(executed), blockValueWei }
  }

  async newPayload(
    payload: ExecutionPayloadV3,
    expectedBlobVersionedHashes: readonly Uint8Array[],
    parentBeaconBlockRoot: Uint8Array,
  ): Promise<PayloadStatus> {
    const key = bytesToHex(payload.blockHash)
    if (this.#candidates.has(key) || this.blocks.numberOf(payload.blockHash) !== undefined)
      return valid(payload.blockHash)
    if (expectedBlobVersionedHashes.length > 0) return invalid(undefined, 'blobs in a chain without blobs')
    if (!bytesEqual(payload.parentHash, this.#head.hash)) {
      return { status: 'SYNCING', latestValidHash: undefined, validationError: undefined }
    }
    const fault = checkPayload(payload, this.#head.header)
    if (fault !== undefined) return invalid(this.#head.hash, fault)
    return await this.#import(payload, parentBeaconBlockRoot)
  }

  /** Writes the state directly (devnet helpers); it shows in the next block, which the caller has made at once. */
  async editState(changes: readonly AccountChange[]): Promise<void> {
    const output = this.evm.applyState(this.#editedRoot ?? this.#head.header.stateRoot, changes)
    await this.#state.commitNodes(output.dirtyNodes)
    this.#editedRoot = output.stateRoot
    this.#accounts.clear()
    this.#pool?.reload()
  }

  /** Takes the chain back to block `number` (evm_revert). */
  async rewind(number: number): Promise<void> {
    if (number >= this.#head.header.number) return
    await this.#state.rewind(number)
    this.#moveTo(this.#state.head())
    this.#pool?.clear()
    this.rewound.emit(this.#head)
  }

  async #choose(hash: Uint8Array): Promise<PayloadStatus> {
    if (bytesEqual(hash, this.#head.hash)) return valid(hash)
    const executed = this.#candidates.get(bytesToHex(hash))
    if (executed === undefined || !bytesEqual(executed.block.header.parentHash, this.#head.hash)) {
      return { status: 'SYNCING', latestValidHash: undefined, validationError: undefined }
    }
    await this.#state.commit(executed.block, executed.dirtyNodes)
    this.#moveTo(executed.block)
    this.#pool?.settle(executed.block.transactions)
    this.headMoved.emit(executed.block)
    return valid(hash)
  }

  #moveTo(block: Block): void {
    this.#head = block
    this.#editedRoot = undefined
    this.#accounts.clear()
    this.#candidates.clear()
    this.#payloads.clear()
  }

  #build(attributes: PayloadAttributesV3): Uint8Array {
    const transactions = this.#pool?.select(this.#head.header.gasLimit, chainLimits.blockTransactionsMax) ?? []
    const executed = this.#buildWith(attributes, transactions)
    // Too much gas for this block or a predecessor left out: it may fit into the next one.
    for (const { transaction, code } of executed.rejected) {
      if (code !== 'block-gas' && code !== 'nonce-too-high') this.#pool?.drop(transaction.hash)
    }
    const key = this.#keep(executed)
    const seed = concatBytes([executed.block.hash, uintToBytes(BigInt(attributes.timestamp), 8)])
    const payloadId = keccak256(seed).slice(0, 8)
    this.#payloads.set(bytesToHex(payloadId), key)
    return payloadId
  }

  /** A transaction on which the EVM itself fails must not stop the chain: halves are tried until it is found and dropped. */
  #buildWith(attributes: PayloadAttributesV3, transactions: readonly SignedTransaction[]): ExecutedBlock {
    try {
      return executeBlock(this.evm, {
        ...this.#inputOn(attributes.timestamp, attributes.suggestedFeeRecipient, attributes.prevRandao),
        parentBeaconBlockRoot: attributes.parentBeaconBlockRoot,
        extraData,
        transactions,
        withdrawals: attributes.withdrawals,
        mode: 'build',
      })
    } catch (error) {
      if (!(error instanceof EvmTrapError) || transactions.length === 0) throw error
      if (transactions.length === 1) this.#pool?.drop(transactions[0]!.hash)
      return this.#buildWith(attributes, transactions.slice(0, Math.floor(transactions.length / 2)))
    }
  }

  async #import(payload: ExecutionPayloadV3, parentBeaconBlockRoot: Uint8Array): Promise<PayloadStatus> {
    const parent = this.#head
    const transactions = await this.#signers(payload.transactions)
    if (typeof transactions === 'string') return invalid(parent.hash, transactions)
    const input: ExecuteInput = {
      ...this.#inputOn(payload.timestamp, payload.feeRecipient, payload.prevRandao, payload.gasLimit),
      parentBeaconBlockRoot,
      extraData: payload.extraData,
      transactions,
      withdrawals: payload.withdrawals,
      mode: 'import',
    }
    try {
      const executed = executeBlock(this.evm, input)
      const fault = compareExecuted(payload, executed.block.header)
      if (fault !== undefined) return invalid(parent.hash, fault)
      if (!bytesEqual(executed.block.hash, payload.blockHash)) return invalid(undefined, 'blockhash mismatch')
      this.#keep(executed)
      return valid(payload.blockHash)
    } catch (error) {
      if (error instanceof EvmBlockInvalidError) return invalid(parent.hash, error.message)
      throw error
    }
  }

  async #signers(raws: readonly Uint8Array[]): Promise<SignedTransaction[] | string> {
    const signed: Promise<SignedTransaction | string>[] = raws.map(async (raw, index) => {
      const known = this.#pool?.get(keccak256(raw))
      if (known !== undefined) return known
      const decoded = decodeTransaction(raw)
      if (!decoded.ok) return `transaction ${index}: ${decoded.detail ?? decoded.code}`
      const sender = await this.#recovery.recover(decoded.value)
      return sender === undefined ? `transaction ${index}: invalid sender` : { ...decoded.value.transaction, sender }
    })
    const transactions: SignedTransaction[] = []
    for (const result of await Promise.all(signed)) {
      if (typeof result === 'string') return result
      transactions.push(result)
    }
    return transactions
  }

  #inputOn(timestamp: number, coinbase: Uint8Array, prevRandao: Uint8Array, gasLimit?: bigint) {
    const { header, hash } = this.#head
    return {
      parentHash: hash,
      stateRoot: this.#editedRoot ?? header.stateRoot,
      context: {
        number: header.number + 1,
        timestamp,
        coinbase,
        gasLimit: gasLimit ?? header.gasLimit,
        baseFeePerGas: nextBaseFee(header),
        prevRandao,
        chainId: this.chainId,
        blockHashes: this.blocks.hashesDown(header.number),
        spec: chainSpec,
      },
    }
  }

  #keep(executed: ExecutedBlock): Hex {
    const key = bytesToHex(executed.block.hash)
    this.#candidates.set(key, executed)
    if (this.#candidates.size > storeLimits.candidatesMax)
      this.#candidates.delete(this.#candidates.keys().next().value!)
    return key
  }
}

const extraData = textToBytes('weightless')
const accountsMax = 100_000

function toPayload({ block, withdrawals }: ExecutedBlock): ExecutionPayloadV3 {
  const { header } = block
  return {
    parentHash: header.parentHash,
    feeRecipient: header.coinbase,
    stateRoot: header.stateRoot,
    receiptsRoot: header.receiptsRoot,
    logsBloom: header.logsBloom,
    prevRandao: header.prevRandao,
    blockNumber: header.number,
    gasLimit: header.gasLimit,
    gasUsed: header.gasUsed,
    timestamp: header.timestamp,
    extraData: header.extraData,
    baseFeePerGas: header.baseFeePerGas,
    blockHash: block.hash,
    transactions: block.transactions.map((transaction) => transaction.raw),
    withdrawals,
    blobGasUsed: header.blobGasUsed,
    excessBlobGas: header.excessBlobGas,
  }
}

function valid(hash: Uint8Array): PayloadStatus {
  return { status: 'VALID', latestValidHash: hash, validationError: undefined }
}

function invalid(latestValidHash: Uint8Array | undefined, validationError: string): PayloadStatus {
  return { status: 'INVALID', latestValidHash, validationError }
}

export class UnknownPayloadError extends WeightlessError {
  constructor(facts: { payloadId: string }) {
    super('chain/unknown-payload', 'No payload with this id is being built.', facts)
  }
}

export class PayloadAttributesError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('chain/payload-attributes', 'The payload attributes cannot make a block.', facts)
  }
}
