/** Stores a transaction under the tags of its streams and waits for what the key-value node decides. Spec: kv §6. */
import { accept, bytesToHex, concatBytes, type Hex, type Verdict, WeightlessError } from '@weightless/codec'
import { type Env, NetworkError } from '@weightless/env'
import { encodeStreamTags, encodeTransaction, kindOfResult, type ResultKind, type Transaction } from '../wire/index.ts'
import type { CallKeyValue } from './callKeyValue.ts'

/** Its version is the number of the transaction. */
export type Committed = { version: number; root: Hex; txHash: Hex | undefined; feeWei: bigint }

export type WriteFault = Exclude<ResultKind, 'committed'>

/** What writing needs of `Blobs`. */
export type TaggedStore = {
  put(
    content: Uint8Array,
    options: { tags: Hex; signal?: AbortSignal },
  ): Promise<{ root: Hex; txSeq: number; txHash: Hex | undefined; feeWei: bigint }>
}

type WriteParts = {
  env: Pick<Env, 'clock' | 'random'>
  call: CallKeyValue
  blobs: TaggedStore
  decisionMs: number
}

const nonceBytes = 16
const uploadsMax = 3
const pollMs = 50

/** @throws {DecisionOverdueError}, and those of `Blobs.put` */
export async function writeTransaction(
  { env, call, blobs, decisionMs }: WriteParts,
  transaction: Transaction,
  signal?: AbortSignal,
): Promise<Verdict<Committed, WriteFault>> {
  const touched = new Set([...transaction.writes, ...transaction.controls].map(({ streamId }) => bytesToHex(streamId)))
  const tags = encodeStreamTags([...touched].sort())
  // Equal content has one root, and storage never charges for it twice: random bytes behind the transaction, which nodes do
  // not look at, make each its own.
  const content = concatBytes([encodeTransaction(transaction), env.random.bytes(nonceBytes)])
  const stored = await store(blobs, content, tags, signal)
  const { txSeq, root, txHash, feeWei } = stored
  const endMs = env.clock.monotonicMs() + decisionMs
  for (;;) {
    const result = await call<string | null>('kv_getTransactionResult', [txSeq], signal).catch(passIfSilent)
    if (result !== null) {
      const kind = kindOfResult(result)
      if (kind === 'committed') return accept({ version: txSeq, root, txHash, feeWei })
      return { ok: false, code: kind ?? 'malformed', action: 'reject', detail: result }
    }
    if (env.clock.monotonicMs() > endMs) throw new DecisionOverdueError({ txSeq, root, decisionMs })
    await env.clock.sleep(pollMs, signal)
  }
}

/** The same bytes again go on where the last attempt stopped; a new transaction would leave the first one unfinished. */
async function store(blobs: TaggedStore, content: Uint8Array, tags: Hex, signal: AbortSignal | undefined) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await blobs.put(content, { tags, ...(signal && { signal }) })
    } catch (fault) {
      if (attempt >= uploadsMax || signal?.aborted || !(fault instanceof NetworkError)) throw fault
    }
  }
}

function passIfSilent(fault: unknown): null {
  if (fault instanceof NetworkError) return null
  throw fault
}

/** The transaction is stored and may still be decided either way. */
export class DecisionOverdueError extends WeightlessError {
  constructor(facts: { txSeq: number; root: Hex; decisionMs: number }) {
    super('kv/decision-overdue', 'The key-value node has not decided the transaction in time.', facts, {
      hint: 'Ask for kv_getTransactionResult later; writing again would be a second transaction.',
    })
  }
}
