/**
 * Settles jobs of the existing SDK, whose users sign nothing per job: the provider's signature alone sets the fee. It is
 * kept for compatibility and is what it is: the provider's word. COMPUTE §8.3
 */
import type { Hex } from '@weightless/codec'
import { abis, teeSettlementDomain, teeSettlementStatus, teeSettlementTypes } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import { type LocalAccount, parseEventLogs } from 'viem'
import type { ChainAccounts } from '../admission/chainAccounts.ts'
import type { JobLog } from './jobLog.ts'

export type WordSettler = {
  ledger: Ledger
  inferenceServing: Hex
  chainId: bigint
  account: LocalAccount
  /** Until then nothing is tried again after a refusal: each try costs gas. */
  wordPausedUntilMs: number
}

type Work = { env: Pick<Env, 'clock' | 'log'>; log: JobLog; accounts: ChainAccounts; settler: WordSettler }
type Batch = { user: Hex; nonce: bigint; fee: bigint; requestsHash: Hex }

/** The contract's own bound. */
const batchMax = 50

/** Refusals come from the state of the chain, which does not change by itself. */
const refusedPauseMs = 60_000

export async function settleOnWord(work: Work): Promise<void> {
  if (work.env.clock.monotonicMs() < work.settler.wordPausedUntilMs) return
  if (!hasWork(work) || !(await isAcknowledged(work.settler))) return
  const batches: Batch[] = []
  for (const [user] of work.log.book.users()) {
    const batch = await openBatch(work, user)
    if (batch) batches.push(batch)
  }
  for (let at = 0; at < batches.length; at += batchMax) await send(work, batches.slice(at, at + batchMax))
}

function hasWork({ log }: Work): boolean {
  for (const [, account] of log.book.users()) if (account.sdkBatch || account.sdkUnsettled > 0n) return true
  return false
}

/** The registry's owner must have acknowledged the signer; before that every settlement would be refused. */
async function isAcknowledged({ ledger, inferenceServing, account }: WordSettler): Promise<boolean> {
  const at = { address: inferenceServing, abi: abis.inferenceServing } as const
  return (await ledger.read({ ...at, functionName: 'getService', args: [account.address] })).teeSignerAcknowledged
}

/** The batch that is on its way, or a new one; it is in the log before it is sent, so it can never be sent as another. */
async function openBatch({ env, log, accounts }: Work, user: Hex): Promise<Batch | undefined> {
  const account = log.book.of(user)
  if (!account.sdkBatch && account.sdkUnsettled === 0n) return undefined
  const chain = await accounts.of(user, { maxAgeMs: 0 })
  if (!chain) return undefined
  if (account.sdkBatch && chain.sdkNonce >= account.sdkBatch.nonce) {
    await log.add({ kind: 'sdkSettled', user, nonce: account.sdkBatch.nonce, unpaid: 0n })
  }
  if (!account.sdkBatch) {
    if (account.sdkUnsettled === 0n) return undefined
    const byClock = BigInt(env.clock.nowMs()) * 10_000n
    const nonce = byClock > chain.sdkNonce ? byClock : chain.sdkNonce + 1n
    await log.addSdkBatch(user, nonce)
  }
  return { user, ...account.sdkBatch! }
}

async function send(work: Work, batches: readonly Batch[]): Promise<void> {
  const { env, log, accounts, settler } = work
  const settlements = await Promise.all(batches.map((batch) => sign(settler, batch)))
  const receipt = await settler.ledger.submit({
    address: settler.inferenceServing,
    abi: abis.inferenceServing,
    functionName: 'settleFeesWithTEE',
    args: [settlements],
  })
  const events = parseEventLogs({ abi: abis.inferenceServing, eventName: 'TEESettlementResult', logs: receipt.logs })
  for (const [index, { user, nonce }] of batches.entries()) {
    const { status, unsettledAmount } = events[index]!.args
    const settled = status === teeSettlementStatus.success || status === teeSettlementStatus.partial
    if (settled) await log.add({ kind: 'sdkSettled', user, nonce, unpaid: unsettledAmount })
    else {
      settler.wordPausedUntilMs = env.clock.monotonicMs() + refusedPauseMs
      env.log.warn('settlement on our word refused', { user, status })
    }
    accounts.forget(user)
  }
  env.log.info('settled on our word', { users: batches.length, transactionHash: receipt.transactionHash })
}

async function sign({ account, chainId, inferenceServing }: WordSettler, { user, nonce, fee, requestsHash }: Batch) {
  const message = { requestsHash, nonce, provider: account.address, user, totalFee: fee }
  const signature = await account.signTypedData({
    domain: { ...teeSettlementDomain, chainId, verifyingContract: inferenceServing },
    types: teeSettlementTypes,
    primaryType: 'TEESettlement',
    message,
  })
  return { ...message, signature }
}
