/**
 * Transactions that wait for a block. A transaction is decoded, its sender recovered and everything about it checked
 * once, here; execution trusts the result. Bounded in count, bytes and per sender.
 */
import { accept, bytesToHex, type Hex } from '@weightless/codec'
import type { Clock } from '@weightless/env'
import { poolLimits } from '../limits.ts'
import { createSignal } from '../signal.ts'
import type { SenderRecovery } from '../transactions/senderRecovery.ts'
import type { SignedTransaction } from '../transactions/transaction.ts'
import { type CheckRules, checkEnvelope, checkGas, transactionCost } from './checkEnvelope.ts'
import { effectiveTip, orderByPrice, type RunnableSender } from './orderByPrice.ts'
import { type PoolVerdict, poolFaults } from './poolError.ts'
import type { PooledTransaction } from './pooledTransaction.ts'
import { createSenderQueue, type SenderQueue } from './senderQueue.ts'

/** What the pool asks of the chain's newest state. */
export type PoolChain = {
  account(address: Uint8Array): { nonce: number; balance: bigint }
  /** Base fee that the next block will have. */
  nextBaseFeePerGas(): bigint
}

export type PoolParts = {
  clock: Clock
  chain: PoolChain
  recovery: SenderRecovery
  chainId: number
  blockGasLimit: bigint
  limits?: Partial<typeof poolLimits>
}

export class Mempool {
  readonly added = createSignal<PooledTransaction>()
  readonly #parts: PoolParts
  readonly #limits: typeof poolLimits
  readonly #rules: CheckRules
  readonly #byHash = new Map<Hex, PooledTransaction>()
  readonly #queues = new Map<Hex, SenderQueue>()
  #bytes = 0
  #arrivals = 0

  constructor(parts: PoolParts) {
    this.#parts = parts
    this.#limits = { ...poolLimits, ...parts.limits }
    this.#rules = { chainId: parts.chainId, blockGasLimit: parts.blockGasLimit, limits: this.#limits }
  }

  get size(): number {
    return this.#byHash.size
  }

  /** Takes a signed envelope from outside. */
  async add(raw: Uint8Array): Promise<PoolVerdict<PooledTransaction>> {
    const checked = checkEnvelope(raw, this.#rules)
    if (!checked.ok) return checked
    if (this.#byHash.has(bytesToHex(checked.value.transaction.hash))) return poolFaults.alreadyKnown()
    const sender = await this.#parts.recovery.recover(checked.value)
    if (sender === undefined) return poolFaults.invalidSender()
    return this.#admit({ ...checked.value.transaction, sender })
  }

  /** Takes a transaction whose sender the node itself vouches for (impersonated accounts). */
  addVouched(transaction: SignedTransaction): PoolVerdict<PooledTransaction> {
    const checked = checkGas(transaction, this.#rules)
    return checked.ok ? this.#admit(transaction) : checked
  }

  get(hash: Uint8Array): PooledTransaction | undefined {
    return this.#byHash.get(bytesToHex(hash))
  }

  /** The nonce that follows what runs and waits without a gap. */
  nextNonce(address: Uint8Array): number {
    return this.#queues.get(bytesToHex(address))?.nextNonce() ?? this.#parts.chain.account(address).nonce
  }

  /** Runnable transactions in block order, at most so many and so much gas. */
  select(gasLimit: bigint, countMax: number): PooledTransaction[] {
    const baseFee = this.#parts.chain.nextBaseFeePerGas()
    const chosen: PooledTransaction[] = []
    let gas = 0n
    for (const transaction of orderByPrice(this.#runnable(), baseFee)) {
      if (chosen.length >= countMax || effectiveTip(transaction, baseFee) < 0n) break
      if (gas + transaction.gasLimit > gasLimit) break
      gas += transaction.gasLimit
      chosen.push(transaction)
    }
    return chosen
  }

  hasRunnable(): boolean {
    const baseFee = this.#parts.chain.nextBaseFeePerGas()
    for (const { first } of this.#runnable()) if (effectiveTip(first, baseFee) >= 0n) return true
    return false
  }

  /** Forgets one that turned out not to be able to run. */
  drop(hash: Uint8Array): void {
    const pooled = this.get(hash)
    if (pooled !== undefined) this.#remove(pooled)
  }

  /** After a block: what it holds leaves, its senders' nonces advance. */
  settle(included: readonly SignedTransaction[]): void {
    const nonces = new Map<Hex, number>()
    for (const transaction of included) nonces.set(bytesToHex(transaction.sender), transaction.nonce + 1)
    for (const [senderKey, nonce] of nonces) this.#advance(senderKey, nonce)
    this.#expireGaps()
  }

  /** After state changed in another way than by a block (rewind, direct edits): every sender's nonce is read anew. */
  reload(): void {
    for (const [senderKey, queue] of [...this.#queues]) {
      const any = queue.all()[0]
      if (any !== undefined) this.#advance(senderKey, this.#parts.chain.account(any.sender).nonce)
    }
  }

  clear(): void {
    for (const transaction of [...this.#byHash.values()]) this.#remove(transaction)
  }

  /** Pending (runnable) and queued (behind a gap), by sender and nonce. */
  content(): { pending: PooledTransaction[]; queued: PooledTransaction[] } {
    const pending: PooledTransaction[] = []
    const queued: PooledTransaction[] = []
    for (const queue of this.#queues.values()) {
      const next = queue.nextNonce()
      for (const transaction of queue.all()) (transaction.nonce < next ? pending : queued).push(transaction)
    }
    return { pending, queued }
  }

  #admit(transaction: SignedTransaction): PoolVerdict<PooledTransaction> {
    const key = bytesToHex(transaction.hash)
    if (this.#byHash.has(key)) return poolFaults.alreadyKnown()
    const account = this.#parts.chain.account(transaction.sender)
    if (transaction.nonce < account.nonce) return poolFaults.nonceTooLow(account.nonce, transaction.nonce)
    const baseFee = this.#parts.chain.nextBaseFeePerGas()
    if (transaction.maxFeePerGas < baseFee) {
      return poolFaults.feeBelowBase(transaction.sender, transaction.maxFeePerGas, baseFee)
    }
    const senderKey = bytesToHex(transaction.sender)
    const queue = this.#queues.get(senderKey)
    const replaced = queue?.get(transaction.nonce)
    const costWei = transactionCost(transaction)
    const queuedWei = (queue?.costWei() ?? 0n) - (replaced?.costWei ?? 0n)
    if (costWei + queuedWei > account.balance) {
      return poolFaults.insufficientFunds(account.balance, costWei, queuedWei)
    }
    const room = this.#checkRoom(transaction, account.nonce, queue, replaced)
    if (!room.ok) return room
    if (replaced !== undefined) this.#forget(replaced)
    const arrivedMs = this.#parts.clock.nowMs()
    const pooled = { ...transaction, key, senderKey, arrival: this.#arrivals++, arrivedMs, costWei }
    this.#place(pooled, account.nonce)
    return accept(pooled)
  }

  #checkRoom(
    transaction: SignedTransaction,
    stateNonce: number,
    queue: SenderQueue | undefined,
    replaced: PooledTransaction | undefined,
  ): PoolVerdict<SignedTransaction> {
    const limits = this.#limits
    if (replaced !== undefined) {
      return outbids(transaction, replaced, limits.replacementBumpPercent)
        ? accept(transaction)
        : poolFaults.replacementUnderpriced()
    }
    if ((queue?.size ?? 0) >= limits.perSenderMax) return poolFaults.accountLimit(limits.perSenderMax)
    if (transaction.nonce - stateNonce > limits.perSenderMax) {
      return poolFaults.nonceTooHigh(stateNonce, transaction.nonce)
    }
    const runnable = transaction.nonce === (queue?.nextNonce() ?? stateNonce)
    if (this.#hasRoom(transaction) || (runnable && this.#makeRoom(transaction))) return accept(transaction)
    return poolFaults.poolFull()
  }

  #hasRoom(transaction: SignedTransaction): boolean {
    const limits = this.#limits
    return this.#byHash.size < limits.transactionsMax && this.#bytes + transaction.raw.length <= limits.bytesMax
  }

  /** Transactions behind a gap give way to one that can run. */
  #makeRoom(transaction: SignedTransaction): boolean {
    for (const candidate of this.#byHash.values()) {
      const queue = this.#queues.get(candidate.senderKey)
      if (queue === undefined || candidate.nonce < queue.nextNonce()) continue
      if (candidate.senderKey === bytesToHex(transaction.sender)) continue
      this.#remove(candidate)
      if (this.#hasRoom(transaction)) return true
    }
    return false
  }

  #place(transaction: PooledTransaction, stateNonce: number): void {
    const queue = this.#queues.get(transaction.senderKey) ?? createSenderQueue(stateNonce)
    this.#queues.set(transaction.senderKey, queue)
    queue.set(transaction)
    this.#byHash.set(transaction.key, transaction)
    this.#bytes += transaction.raw.length
    this.added.emit(transaction)
  }

  *#runnable(): Generator<RunnableSender> {
    for (const queue of this.#queues.values()) {
      const first = queue.first()
      if (first === undefined) continue
      const next = queue.nextNonce()
      yield { first, next: (nonce) => (nonce + 1 < next ? queue.get(nonce + 1) : undefined) }
    }
  }

  #advance(senderKey: Hex, nonce: number): void {
    const queue = this.#queues.get(senderKey)
    if (queue === undefined) return
    for (const gone of queue.advance(nonce)) this.#forget(gone)
    if (queue.size === 0) this.#queues.delete(senderKey)
  }

  #remove(transaction: PooledTransaction): void {
    const queue = this.#queues.get(transaction.senderKey)
    if (queue?.get(transaction.nonce) === transaction) queue.delete(transaction.nonce)
    if (queue?.size === 0) this.#queues.delete(transaction.senderKey)
    this.#forget(transaction)
  }

  #forget(transaction: PooledTransaction): void {
    if (this.#byHash.delete(transaction.key)) this.#bytes -= transaction.raw.length
  }

  #expireGaps(): void {
    const limit = this.#parts.clock.nowMs() - this.#limits.gapLifetimeMs
    for (const transaction of this.#byHash.values()) {
      // Arrival order is time order, so the first young one ends the search.
      if (transaction.arrivedMs > limit) return
      const queue = this.#queues.get(transaction.senderKey)
      if (queue !== undefined && transaction.nonce >= queue.nextNonce()) this.#remove(transaction)
    }
  }
}

function outbids(newer: SignedTransaction, older: SignedTransaction, bumpPercent: bigint): boolean {
  const factor = 100n + bumpPercent
  return (
    newer.maxFeePerGas * 100n >= older.maxFeePerGas * factor &&
    newer.maxPriorityFeePerGas * 100n >= older.maxPriorityFeePerGas * factor
  )
}
