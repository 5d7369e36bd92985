/**
 * Sends transactions for one account: a queue gives each the next nonce, gas is estimated, the receipt is awaited.
 * The same signed bytes are sent again when the node was away, so nothing is ever paid twice.
 */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { Env } from '@weightless/env'
import {
  type Abi,
  formatTransactionReceipt,
  keccak256,
  type LocalAccount,
  type RpcTransactionReceipt,
  type TransactionReceipt,
} from 'viem'
import { asRevert, rawCall } from './callContract.ts'
import { TransactionRevertedError } from './decodeRevert.ts'
import { type JsonRpc, LedgerUnreachableError, RpcRefusedError } from './jsonRpc.ts'

/** A wallet that signs by itself (EIP-1193), as in a browser. It keeps its own nonces. */
export type WalletAccount = {
  address: Hex
  provider: { request(call: { method: string; params?: unknown }): Promise<unknown> }
}

export type LedgerAccount = LocalAccount | WalletAccount

export type RawIntent = {
  /** Absent: `data` creates a contract. */
  to?: string
  data?: Hex
  value?: bigint
  /** Estimated without it. */
  gas?: bigint
  /** Allowed beyond the estimate, for calls that cost more after what others do in the meantime. */
  gasExtra?: bigint
  /** Wei per gas; less is offered where the node suggests less. A wallet decides by itself. */
  tipPerGasMax?: bigint
  /** Decodes a revert. */
  abi?: Abi | readonly unknown[]
}

export type SubmitOptions = {
  /** Time from the call to the receipt. */
  deadlineMs?: number
  /** What to wait for; `final` also waits until the block cannot be reverted any more. */
  until?: 'included' | 'final'
  signal?: AbortSignal
  /** Called once the transaction is in the node's pool. */
  onSent?: (hash: Hex) => void
}

type SubmitterOptions = { rpc: JsonRpc; env: Pick<Env, 'clock'>; account: LedgerAccount; pollMs: number }

/** Estimates are exact for the state they saw; the state may move before inclusion. */
const gasMarginPercent = 20n
const nonceAttemptsMax = 5

export function createSubmitter(options: SubmitterOptions) {
  const { rpc, account } = options
  let queue: Promise<unknown> = Promise.resolve()
  let nextNonce: number | undefined

  /** One at a time: nonces leave in the order of the calls. */
  function exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = queue.then(work)
    queue = result.catch(() => undefined)
    return result
  }

  async function sendSigned(local: LocalAccount, intent: RawIntent, signal: AbortSignal | undefined): Promise<Hex> {
    const prepared = await prepare(rpc, local.address, intent)
    for (let attempt = 0; attempt < nonceAttemptsMax; attempt++) {
      const nonce = nextNonce ?? Number(await rpc.request('eth_getTransactionCount', [local.address, 'pending']))
      const raw = await local.signTransaction({ ...prepared, nonce, type: 'eip1559' })
      const hash = keccak256(raw)
      const sent = await sendRaw(rpc, raw, hash, intent, local.address, signal)
      nextNonce = sent ? nonce + 1 : undefined
      if (sent) return hash
    }
    throw new NonceUnsettledError({ address: local.address, attempts: nonceAttemptsMax })
  }

  async function sendByWallet(wallet: WalletAccount, intent: RawIntent): Promise<Hex> {
    const { to, data, value, gas } = await prepare(rpc, wallet.address, intent)
    const transaction = { from: wallet.address, to, data, value: toHex(value), gas: toHex(gas) }
    return (await wallet.provider.request({ method: 'eth_sendTransaction', params: [transaction] })) as Hex
  }

  return async function submit(intent: RawIntent, submitOptions: SubmitOptions = {}): Promise<TransactionReceipt> {
    const { signal, onSent } = submitOptions
    const hash = await exclusively(() =>
      'signTransaction' in account ? sendSigned(account, intent, signal) : sendByWallet(account, intent),
    )
    onSent?.(hash)
    try {
      return await awaitReceipt(options, hash, intent, account.address, submitOptions)
    } catch (error) {
      // A transaction that never arrives leaves a gap behind which later nonces would wait for ever.
      if (error instanceof TransactionPendingError) nextNonce = undefined
      throw error
    }
  }
}

async function prepare(rpc: JsonRpc, from: Hex, intent: RawIntent) {
  const { to, data, value = 0n, gas, gasExtra = 0n } = intent
  const call = { from, ...(to ? { to } : {}), ...(data ? { data } : {}), value: toHex(value) }
  const calls = [
    { method: 'eth_chainId' },
    { method: 'eth_getBlockByNumber', params: ['latest', false] },
    { method: 'eth_maxPriorityFeePerGas' },
    ...(gas === undefined ? [{ method: 'eth_estimateGas', params: [call] }] : []),
  ]
  const [chainId, block, tip, estimate] = (await rpc.batch(calls).catch(async (cause) => {
    throw await explain(rpc, cause, intent, from)
  })) as [Hex, { baseFeePerGas?: Hex }, Hex, Hex | undefined]
  const { tipPerGasMax = BigInt(tip) } = intent
  const maxPriorityFeePerGas = BigInt(tip) < tipPerGasMax ? BigInt(tip) : tipPerGasMax
  return {
    chainId: Number(chainId),
    ...(to ? { to: to as Hex } : {}),
    ...(data ? { data } : {}),
    value,
    gas: gas ?? (BigInt(estimate!) * (100n + gasMarginPercent)) / 100n + gasExtra,
    maxPriorityFeePerGas,
    maxFeePerGas: BigInt(block.baseFeePerGas ?? '0x0') * 2n + maxPriorityFeePerGas,
  }
}

/** True when the node has it (now or already); false when the nonce must be asked for again. */
async function sendRaw(
  rpc: JsonRpc,
  raw: Hex,
  hash: Hex,
  intent: RawIntent,
  from: Hex,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await rpc.request('eth_sendRawTransaction', [raw], signal)
    return true
  } catch (cause) {
    if (!(cause instanceof RpcRefusedError)) throw cause
    if (/already known|already imported|known transaction/i.test(cause.rpcMessage)) return true
    if (!/nonce|underpriced/i.test(cause.rpcMessage)) throw await explain(rpc, cause, intent, from)
    // After a lost answer the node may have included these very bytes: then the nonce is used, by us.
    return (await rpc.request('eth_getTransactionByHash', [hash], signal)) !== null
  }
}

async function explain(rpc: JsonRpc, cause: unknown, intent: RawIntent, from: Hex): Promise<unknown> {
  if (!(cause instanceof RpcRefusedError)) return cause
  if (cause.data === undefined && /insufficient (funds|balance)|OutOfFund|LackOfFund/i.test(cause.rpcMessage)) {
    const balanceWei = BigInt((await rpc.request('eth_getBalance', [from, 'latest'])) as Hex)
    return new InsufficientFundsError({ address: from, balanceWei, valueWei: intent.value ?? 0n }, cause)
  }
  return asRevert(cause, intent.abi ?? [], intent.to)
}

async function awaitReceipt(
  { rpc, env, pollMs }: SubmitterOptions,
  hash: Hex,
  intent: RawIntent,
  from: Hex,
  { deadlineMs = 60_000, until = 'final', signal }: SubmitOptions,
): Promise<TransactionReceipt> {
  const giveUpAtMs = env.clock.monotonicMs() + deadlineMs
  let lastFault: unknown
  for (let waitMs = 10; ; waitMs = Math.min(waitMs * 2, pollMs)) {
    try {
      const receipt = await findReceipt(rpc, hash, until, signal)
      if (receipt?.status === 'reverted') throw await revertOf(rpc, receipt, intent, from)
      if (receipt) return receipt
      lastFault = undefined
    } catch (fault) {
      if (!(fault instanceof LedgerUnreachableError)) throw fault
      lastFault = fault
    }
    if (env.clock.monotonicMs() > giveUpAtMs) throw lastFault ?? new TransactionPendingError({ hash, deadlineMs })
    await env.clock.sleep(waitMs, signal)
  }
}

async function findReceipt(
  rpc: JsonRpc,
  hash: Hex,
  until: 'included' | 'final',
  signal: AbortSignal | undefined,
): Promise<TransactionReceipt | undefined> {
  const found = (await rpc.request('eth_getTransactionReceipt', [hash], signal)) as RpcTransactionReceipt | null
  if (!found) return undefined
  const receipt = formatTransactionReceipt(found)
  if (until === 'included') return receipt
  const final = (await rpc.request('eth_getBlockByNumber', ['finalized', false], signal)) as { number: Hex } | null
  return final && BigInt(final.number) >= receipt.blockNumber ? receipt : undefined
}

/** Runs the failed transaction again on its block, because a receipt does not carry the reason. */
async function revertOf(rpc: JsonRpc, receipt: TransactionReceipt, intent: RawIntent, from: Hex): Promise<unknown> {
  const { to, data, value } = intent
  const facts = { to, hash: receipt.transactionHash }
  try {
    const call = { from, to: to ?? '', ...(data ? { data } : {}), ...(value === undefined ? {} : { value }) }
    await rawCall(rpc, call, intent.abi ?? [], receipt.blockNumber)
  } catch (cause) {
    if (cause instanceof TransactionRevertedError) return new TransactionRevertedError(cause.reason, facts, cause)
  }
  return new TransactionRevertedError({ errorName: undefined, args: [], text: 'no reason can be reproduced' }, facts)
}

const toHex = (value: bigint): Hex => `0x${value.toString(16)}`

export class InsufficientFundsError extends WeightlessError {
  constructor(facts: { address: string; balanceWei: bigint; valueWei: bigint }, cause?: unknown) {
    super('ledger/insufficient-funds', 'The account cannot pay for the transaction.', facts, {
      ...(cause === undefined ? {} : { cause }),
      hint: 'Send it some tokens first.',
    })
  }
}

/** The node is there but has not included the transaction; it still may. */
export class TransactionPendingError extends WeightlessError {
  constructor(facts: { hash: Hex; deadlineMs: number }) {
    super('ledger/pending', 'The transaction was not included in time.', facts, {
      hint: 'It may still be; look its hash up before sending again.',
    })
  }
}

export class NonceUnsettledError extends WeightlessError {
  constructor(facts: { address: string; attempts: number }) {
    super('ledger/nonce', 'Somebody else keeps sending from this account.', facts, {
      hint: 'Use one sender per account.',
    })
  }
}
