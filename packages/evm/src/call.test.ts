/** Calls, overrides, gas estimates, access lists and traces, checked by running what they predict. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Address } from '@ethereumjs/util'
import { createVM } from '@ethereumjs/vm'
import { bytesToHex, concatBytes } from '@weightless/codec'
import { emptyStateRoot } from './createEvm.ts'
import type { BlockInput, CallInput, CallOutput } from './evm.ts'
import { addressOf, createOracle, oracleChainId } from './testing/ethereumjsOracle.ts'
import { createMemoryState } from './testing/memoryState.ts'
import { contracts, deploying, senders, sign, word } from './testing/signedTransactions.ts'

const at = {
  store: addressOf(0x5701en),
  log: addressOf(0x106n),
  revert: addressOf(0x4e7e47n),
  forward: addressOf(0xf0n),
  environment: addressOf(0xe0n),
}
const block: Omit<BlockInput, 'parentStateRoot'> = {
  number: 5,
  timestamp: 1234,
  coinbase: addressOf(0xc01bn),
  gasLimit: 30_000_000n,
  baseFeePerGas: 10n ** 9n,
  prevRandao: word(77),
  chainId: oracleChainId,
  blockHashes: [word(4), word(3)],
  transactions: [],
  withdrawals: [],
}

async function createChain() {
  const state = await createMemoryState()
  const genesis = [
    { address: senders[0]!, balance: 10n ** 20n },
    ...Object.entries(at).map(([name, address]) => ({
      address,
      code: contracts[name as keyof typeof at] as Uint8Array,
      nonce: 1n,
    })),
  ]
  const stateRoot = state.applyState(emptyStateRoot, genesis).stateRoot
  const base: CallInput = { stateRoot, block, from: senders[0]! }
  return { ...state, genesis, stateRoot, base }
}

const wordOf = (address: Uint8Array) => word(BigInt(bytesToHex(address)))

function outputOf(result: CallOutput): string {
  assert.equal(result.status, 'success')
  return result.status === 'success' ? bytesToHex(result.output) : ''
}

test('a call answers, reverts with its data, halts or cannot start', async () => {
  const { evm, base } = await createChain()
  const logged = evm.call({ ...base, to: at.log, data: word(3) })
  assert.ok(logged.status === 'success' && logged.logs.length === 1)
  assert.deepEqual(logged.logs[0], { address: at.log, topics: [word(3)], data: word(3) })
  const reverted = evm.call({ ...base, to: at.revert, data: new Uint8Array([8, 9]) })
  assert.deepEqual(reverted.status === 'revert' && reverted.output, new Uint8Array([8, 9]))
  const halted = evm.call({ ...base, to: at.store, data: concatBytes([word(1), word(2)]), gas: 22_000n })
  assert.deepEqual({ ...halted, gasUsed: 0n }, { status: 'halt', reason: 'out of gas', gasUsed: 0n })
  const poor = evm.call({ ...base, from: senders[1]!, to: at.log, value: 1n })
  assert.ok(poor.status === 'invalid' && poor.code === 'insufficient-funds')
  const created = evm.call({ ...base, data: deploying(contracts.store) })
  assert.ok(created.status === 'success' && created.contractAddress)
  assert.deepEqual(created.output, contracts.store)
})

test('a fee is free unless named, and then it is charged and compared with the base fee', async () => {
  const { evm, base } = await createChain()
  const gasPriceReader = { address: at.log, code: Uint8Array.from([0x3a, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]) }
  const call: CallInput = { ...base, to: at.log, stateOverrides: [gasPriceReader] }
  assert.equal(outputOf(evm.call(call)), bytesToHex(word(0)))
  assert.equal(
    outputOf(evm.call({ ...call, gas: 100_000n, gasPrice: 3n * 10n ** 9n })),
    bytesToHex(word(3n * 10n ** 9n)),
  )
  const low = evm.call({ ...call, gas: 100_000n, maxFeePerGas: 5n })
  assert.ok(low.status === 'invalid' && low.code === 'fee-below-base')
})

test('overrides of state and block hold for one call only', async () => {
  const { evm, base, stateRoot } = await createChain()
  const reader = Uint8Array.from([0x5f, 0x35, 0x54, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3])
  const address = addressOf(0x7777n)
  const stateOverrides = [{ address, code: reader, storage: [{ slot: word(1), value: word(5) }] }]
  assert.equal(outputOf(evm.call({ ...base, to: address, data: word(1), stateOverrides })), bytesToHex(word(5)))
  assert.equal(outputOf(evm.call({ ...base, to: address, data: word(1) })), '0x')
  assert.equal(evm.getAccount(stateRoot, address), undefined)
  const clock = [{ address, code: Uint8Array.from([0x42, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]) }]
  const later = { ...block, timestamp: 99 }
  assert.equal(outputOf(evm.call({ ...base, block: later, to: address, stateOverrides: clock })), bytesToHex(word(99)))
})

test('an estimate is enough, a little less is not, and a failing call has no estimate', async () => {
  const { evm, base } = await createChain()
  const transfer = evm.estimateGas({ ...base, to: addressOf(0x9999n), value: 1n })
  assert.deepEqual(transfer, { ok: true, gas: 21_000n })
  for (const call of [
    { ...base, to: at.store, data: concatBytes([word(1), word(2)]) },
    { ...base, to: at.log, data: new Uint8Array(500).fill(1), value: 1n },
    { ...base, data: deploying(contracts.store) },
  ]) {
    const estimate = evm.estimateGas(call)
    assert.ok(estimate.ok)
    assert.equal(evm.call({ ...call, gas: estimate.gas }).status, 'success')
    assert.notEqual(evm.call({ ...call, gas: (estimate.gas * 98n) / 100n }).status, 'success')
  }
  const failing = evm.estimateGas({ ...base, to: at.revert, data: word(1) })
  assert.ok(!failing.ok && failing.result.status === 'revert')
})

test('an access list names what the call touches and makes it no dearer to repeat', async () => {
  const { evm, base } = await createChain()
  const call = { ...base, to: at.forward, data: concatBytes([wordOf(at.store), word(7), word(8)]) }
  const { accessList, result } = evm.createAccessList(call)
  assert.equal(result.status, 'success')
  assert.deepEqual(accessList, [{ address: at.store, storageKeys: [word(7)] }])
  assert.equal(evm.call({ ...call, accessList }).status, 'success')
})

test('the call tree shows nested calls, failures, creations and logs as they happened', async () => {
  const { evm, base } = await createChain()
  const { root } = evm.traceCall({ ...base, to: at.forward, data: concatBytes([wordOf(at.log), word(1)]), value: 5n })
  assert.ok(root)
  assert.deepEqual([root.type, bytesToHex(root.from), root.value], ['CALL', bytesToHex(senders[0]!), 5n])
  assert.equal(root.calls.length, 1)
  const inner = root.calls[0]!
  assert.deepEqual([inner.type, bytesToHex(inner.to!), inner.value], ['CALL', bytesToHex(at.log), 5n])
  assert.deepEqual(inner.input, word(1))
  assert.equal(inner.logs.length, 1)
  assert.equal(root.logs.length, 0)
  const failed = evm.traceCall({ ...base, to: at.forward, data: concatBytes([wordOf(at.revert), word(6)]) }).root!
  assert.equal(failed.error, undefined)
  assert.equal(failed.calls[0]!.error, 'execution reverted')
  assert.deepEqual(failed.calls[0]!.output, word(6))
  const created = evm.traceCall({ ...base, data: deploying(contracts.store) }).root!
  assert.deepEqual([created.type, created.output], ['CREATE', contracts.store])
})

test('steps agree with another implementation, opcode by opcode', async () => {
  const { evm, base, genesis } = await createChain()
  const { common } = await createOracle()
  const vm = await createVM({ common })
  const oracle = await createOracle()
  await oracle.applyState(genesis)
  const data = concatBytes([wordOf(at.store), word(7), word(8)])
  for (const change of genesis) {
    const address = new Address(change.address)
    if ('code' in change) await vm.stateManager.putCode(address, change.code)
  }
  const theirs: unknown[] = []
  vm.evm.events!.on('step', (step, resume) => {
    theirs.push([step.pc, step.opcode.code, step.depth + 1, step.stack.map(String)])
    resume?.()
  })
  await vm.evm.runCall({ to: new Address(at.forward), caller: new Address(senders[0]!), data, gasLimit: 1_000_000n })
  const intrinsic = data.reduce((gas, byte) => gas + (byte === 0 ? 4n : 16n), 21_000n)
  const trace = evm.traceCallSteps({ ...base, to: at.forward, data, gas: 1_000_000n + intrinsic })
  assert.ok(theirs.length > 10)
  assert.deepEqual(
    trace.steps.map((step) => [step.pc, step.opcode, step.depth, step.stack!.map(String)]),
    theirs,
  )
  const write = trace.steps.find((step) => step.opcode === 0x55)!
  assert.deepEqual(write.storage, { slot: word(7), value: word(8) })
  const cut = evm.traceCallSteps({ ...base, to: at.forward, data }, { stepsMax: 3, stack: false })
  assert.deepEqual([cut.steps.length, cut.truncated, cut.steps[0]!.stack], [3, true, undefined])
})

test('traces of a block use the gas its receipts show', async () => {
  const { evm, stateRoot } = await createChain()
  const { common } = await createOracle()
  const fee = { type: 2, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n, gasLimit: 200_000n }
  const transactions = [
    sign(common, 0, { ...fee, nonce: 0n, to: at.store as never, data: concatBytes([word(1), word(2)]) }),
    sign(common, 0, { ...fee, nonce: 9n, to: at.store as never }),
    sign(common, 0, { ...fee, nonce: 1n, to: at.store as never, data: concatBytes([word(1), word(0)]) }),
  ]
  const input: BlockInput = { ...block, parentStateRoot: stateRoot, transactions, mode: 'build' }
  const { receipts } = evm.execute(input)
  const trees = evm.traceBlock(input)
  assert.deepEqual(
    trees.map((tree) => tree?.gasUsed),
    [receipts[0]!.gasUsed, undefined, receipts[1]!.gasUsed],
  )
  const last = evm.traceTransactionSteps(input, 2)
  assert.equal(last.result.status === 'success' && last.result.gasUsed, receipts[1]!.gasUsed)
  assert.ok(last.steps.some((step) => step.opcode === 0x55))
  assert.throws(() => evm.traceTransactionSteps(input, 3), /index/)
})

test('code sees the block it was told about', async () => {
  const { evm, base, genesis } = await createChain()
  assert.ok(genesis.length > 0)
  const trace = evm.traceCallSteps({ ...base, to: at.environment })
  const written = trace.steps
    .filter((step) => step.opcode === 0x55)
    .map((step) => BigInt(bytesToHex(step.storage!.value)))
  assert.deepEqual(written, [4n, 77n, 1234n, 5n, 0xc01bn, BigInt(oracleChainId), 10n ** 9n, 30_000_000n])
})
