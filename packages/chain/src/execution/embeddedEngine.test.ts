/** The Engine seam: blocks are built, checked and chosen; and no payload with one wrong field is ever VALID. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import type { ExecutionPayloadV3 } from '../engine.ts'
import { clientsOf, openTestChain, strangers } from '../testing/openTestChain.ts'
import { UnknownPayloadError } from './embeddedEngine.ts'
import { hashHeader } from './header.ts'
import { nextBaseFee } from './nextBaseFee.ts'

const zero = new Uint8Array(32)

/** A chain that makes no block by itself, with one transfer waiting. */
async function openQuiet() {
  const chain = await openTestChain({ limits: { pace: { heartbeatIdleMs: 1e9, heartbeatWatchedMs: 1e9 } } })
  await chain.rpc('evm_setAutomine', [false])
  await clientsOf(chain).wallet.sendTransaction({ to: strangers[0]!.address, value: 1n })
  const { engine } = chain.chain
  const head = Uint8Array.from(Buffer.from(chain.chain.head().hash.slice(2), 'hex'))
  const choice = { headBlockHash: head, safeBlockHash: head, finalizedBlockHash: head }
  const attributes = {
    timestamp: chain.chain.head().timestampSeconds + 10,
    prevRandao: zero,
    suggestedFeeRecipient: new Uint8Array(20).fill(7),
    withdrawals: [],
    parentBeaconBlockRoot: zero,
  }
  const { payloadId } = await engine.forkchoiceUpdated(choice, attributes)
  const { executionPayload, blockValueWei } = await engine.getPayload(payloadId!)
  return { chain, engine, payload: executionPayload, blockValueWei, choice, attributes }
}

/** The payload under the hash that belongs to its changed fields. */
function rehash(payload: ExecutionPayloadV3, transactionsRoot: Uint8Array): ExecutionPayloadV3 {
  const emptyRoot = Uint8Array.from(
    Buffer.from('56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421', 'hex'),
  )
  const { feeRecipient, blockNumber, ...rest } = payload
  const header = {
    ...rest,
    coinbase: feeRecipient,
    number: blockNumber,
    transactionsRoot,
    withdrawalsRoot: emptyRoot,
    parentBeaconBlockRoot: zero,
  }
  return { ...payload, blockHash: hashHeader(header) }
}

test('builds, checks and chooses; a payload imported by another node gives the same root', async () => {
  const ours = await openQuiet()
  const theirs = await openTestChain({ limits: { pace: { heartbeatIdleMs: 1e9, heartbeatWatchedMs: 1e9 } } })
  assert.equal(ours.payload.transactions.length, 1)
  assert.equal(ours.blockValueWei > 0n, true)
  for (const engine of [ours.engine, theirs.chain.engine]) {
    assert.equal((await engine.newPayload(ours.payload, [], zero)).status, 'VALID')
    const hash = ours.payload.blockHash
    const { payloadStatus } = await engine.forkchoiceUpdated({
      headBlockHash: hash,
      safeBlockHash: hash,
      finalizedBlockHash: hash,
    })
    assert.equal(payloadStatus.status, 'VALID')
  }
  assert.deepEqual(ours.chain.chain.head(), theirs.chain.head())
  assert.equal(ours.chain.chain.head().hash, bytesToHex(ours.payload.blockHash))
  await ours.chain.close()
  await theirs.close()
})

test('one changed field anywhere is INVALID, an unknown parent SYNCING', async () => {
  const { chain, payload } = await openQuiet()
  const judge = await openTestChain({ limits: { pace: { heartbeatIdleMs: 1e9, heartbeatWatchedMs: 1e9 } } })
  const { engine } = judge.chain
  const header = await chain.rpc('eth_getBlockByNumber', ['latest', false])
  assert.ok(header.result)
  const bent = (
    field: 'stateRoot' | 'receiptsRoot' | 'logsBloom' | 'prevRandao' | 'feeRecipient' | 'extraData' | 'blockHash',
  ) => {
    const bytes = payload[field].slice()
    bytes[0]! ^= 1
    return { ...payload, [field]: bytes }
  }
  const forged: [string, ExecutionPayloadV3][] = [
    ...(
      ['stateRoot', 'receiptsRoot', 'logsBloom', 'prevRandao', 'feeRecipient', 'extraData', 'blockHash'] as const
    ).map((field): [string, ExecutionPayloadV3] => [field, bent(field)]),
    ['gasUsed', { ...payload, gasUsed: payload.gasUsed + 1n }],
    ['gasLimit', { ...payload, gasLimit: payload.gasLimit * 2n }],
    ['timestamp', { ...payload, timestamp: 1 }],
    ['baseFee', { ...payload, baseFeePerGas: payload.baseFeePerGas + 1n }],
    ['blockNumber', { ...payload, blockNumber: 5 }],
    ['blob gas', { ...payload, blobGasUsed: 131_072n }],
    ['missing transaction', { ...payload, transactions: [] }],
    ['doubled transaction', { ...payload, transactions: [payload.transactions[0]!, payload.transactions[0]!] }],
    ['garbage transaction', { ...payload, transactions: [new Uint8Array([2, 0xc0])] }],
  ]
  for (const [name, candidate] of forged) {
    for (const claim of name === 'blockHash' ? [candidate] : [candidate, rehash(candidate, zero)]) {
      assert.equal((await engine.newPayload(claim, [], zero)).status, 'INVALID', name)
    }
  }
  assert.equal((await engine.newPayload(payload, [new Uint8Array(32)], zero)).status, 'INVALID')
  assert.equal((await engine.newPayload({ ...payload, parentHash: zero }, [], zero)).status, 'SYNCING')
  const unknown = { headBlockHash: zero, safeBlockHash: zero, finalizedBlockHash: zero }
  assert.equal((await engine.forkchoiceUpdated(unknown)).payloadStatus.status, 'SYNCING')
  await assert.rejects(engine.getPayload(new Uint8Array(8)), UnknownPayloadError)
  assert.equal((await engine.newPayload(payload, [], zero)).status, 'VALID')
  await chain.close()
  await judge.close()
})

test('the base fee follows EIP-1559 and rests on its floor', () => {
  const parent = { gasLimit: 30_000_000n, baseFeePerGas: 1_000_000_000n }
  assert.equal(nextBaseFee({ ...parent, gasUsed: 15_000_000n }), 1_000_000_000n)
  assert.equal(nextBaseFee({ ...parent, gasUsed: 30_000_000n }), 1_125_000_000n)
  assert.equal(nextBaseFee({ ...parent, gasUsed: 0n }), 875_000_000n)
  assert.equal(nextBaseFee({ ...parent, gasUsed: 15_000_001n, baseFeePerGas: 7n }), 8n)
  assert.equal(nextBaseFee({ ...parent, gasUsed: 0n, baseFeePerGas: 7n }), 7n)
})
