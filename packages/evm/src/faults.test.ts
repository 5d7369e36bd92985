/** Damaged state, hostile input and traps: each ends in its own typed error, and the engine works on afterwards. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import fc from 'fast-check'
import { createEvm, emptyStateRoot, loadEvmModule } from './createEvm.ts'
import {
  createEngineInstance,
  EvmBlockInvalidError,
  EvmEngineError,
  EvmNodeCorruptError,
  EvmNodeMissingError,
  EvmTrapError,
} from './engineInstance.ts'
import type { BlockInput, TransactionInput } from './evm.ts'
import { addressOf, createOracle, oracleChainId } from './testing/ethereumjsOracle.ts'
import { createMemoryState } from './testing/memoryState.ts'
import { senders, sign, word } from './testing/signedTransactions.ts'
import { EvmInputError } from './wire.ts'

const gwei = 10n ** 9n
const module = await loadEvmModule()
const changes = Array.from({ length: 300 }, (_, index) => ({ address: addressOf(BigInt(index + 1)), balance: 5n }))

function blockOf(parentStateRoot: Uint8Array, transactions: TransactionInput[], mode: 'build' | 'import'): BlockInput {
  return {
    parentStateRoot,
    number: 1,
    timestamp: 1,
    coinbase: addressOf(1n),
    gasLimit: 100_000n,
    baseFeePerGas: gwei,
    prevRandao: word(0),
    chainId: oracleChainId,
    blockHashes: [],
    transactions,
    withdrawals: [],
    mode,
  }
}

test('a missing node is named, wherever it is missed', async () => {
  const state = await createMemoryState()
  const root = state.applyState(emptyStateRoot, changes).stateRoot
  const { accountProof } = state.evm.getProof(root, addressOf(9n), [])
  for (const node of accountProof) {
    const key = [...state.nodes].find(([, value]) => bytesToHex(value) === bytesToHex(node))![0]
    const evm = await createEvm((wanted) =>
      bytesToHex(wanted) === key ? undefined : state.nodes.get(bytesToHex(wanted)),
    )
    const missing = (error: unknown) => error instanceof EvmNodeMissingError && error.facts.key === key
    assert.throws(() => evm.getAccount(root, addressOf(9n)), missing)
    assert.throws(() => evm.applyState(root, [{ address: addressOf(9n), balance: 6n }]), missing)
    assert.throws(() => evm.call({ stateRoot: root, block: blockOf(root, [], 'import'), from: addressOf(9n) }), missing)
  }
})

test('any flipped bit of any node on the way is found and named', async () => {
  const state = await createMemoryState()
  const root = state.applyState(emptyStateRoot, changes).stateRoot
  const depth = state.evm.getProof(root, addressOf(9n), []).accountProof.length
  fc.assert(
    fc.property(fc.nat({ max: depth - 1 }), fc.nat(), fc.nat({ max: 7 }), (level, position, bit) => {
      const node = state.evm.getProof(root, addressOf(9n), []).accountProof[level]!
      const key = [...state.nodes].find(([, value]) => bytesToHex(value) === bytesToHex(node))![0]
      const bad = node.slice()
      bad[position % bad.length]! ^= 1 << bit
      const engine = createEngineInstance(module, (wanted) => {
        const hex = bytesToHex(wanted)
        return hex === key ? bad : state.nodes.get(hex)
      })
      const request = new Uint8Array([...root, ...addressOf(9n)])
      assert.throws(
        () => engine.run(10, request),
        (error) => error instanceof EvmNodeCorruptError && error.facts.key === key,
      )
    }),
    { numRuns: 50 },
  )
})

test('what readNode throws comes out unchanged, and the engine works on', async () => {
  const state = await createMemoryState()
  const root = state.applyState(emptyStateRoot, changes).stateRoot
  const cause = new RangeError('disk on fire')
  let broken = true
  const evm = await createEvm((key) => {
    if (broken) throw cause
    return state.nodes.get(bytesToHex(key))
  })
  assert.throws(
    () => evm.getAccount(root, addressOf(9n)),
    (error) => error === cause,
  )
  broken = false
  assert.equal(evm.getAccount(root, addressOf(9n))?.balance, 5n)
})

test('a trap is a typed error and the next call has a fresh instance', async () => {
  const state = await createMemoryState()
  const root = state.applyState(emptyStateRoot, changes).stateRoot
  const engine = createEngineInstance(module, (key) => state.nodes.get(bytesToHex(key)))
  // More than a 32-bit allocation can hold: the allocator panics inside the module.
  assert.throws(() => engine.run(0, new Uint8Array(2 ** 31)), EvmTrapError)
  const answer = engine.run(10, new Uint8Array([...root, ...addressOf(9n)]))
  assert.equal(answer.flag(), true)
})

test('calling the engine from its own readNode is refused', async () => {
  const evm = await createEvm(() => {
    evm.getCode(word(1))
    return undefined
  })
  assert.throws(() => evm.getCode(word(1)), EvmInputError)
})

test('random bytes as any request are refused, never a trap', () => {
  const engine = createEngineInstance(module, () => undefined)
  const operation = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 99)
  fc.assert(
    fc.property(operation, fc.uint8Array({ maxLength: 400 }), (chosen, request) => {
      try {
        engine.run(chosen, request)
      } catch (error) {
        const known = [EvmInputError, EvmNodeMissingError, EvmBlockInvalidError, EvmEngineError]
        assert.ok(
          known.some((type) => error instanceof type),
          String(error),
        )
      }
    }),
    { numRuns: 500 },
  )
})

test('arguments of a wrong length or range are named', async () => {
  const { evm } = await createMemoryState()
  assert.throws(() => evm.getAccount(emptyStateRoot, new Uint8Array(19)), /address/)
  assert.throws(() => evm.applyState(emptyStateRoot, [{ address: addressOf(1n), balance: 1n << 256n }]), /balance/)
  assert.throws(() => evm.applyState(emptyStateRoot, [{ address: addressOf(1n), nonce: -1n }]), /nonce/)
  const block = { ...blockOf(emptyStateRoot, [], 'build'), timestamp: 1.5 }
  assert.throws(() => evm.execute(block), /timestamp/)
})

test('build mode skips what may not stand in the block and says why; import mode refuses the block', async () => {
  const { common } = await createOracle()
  const state = await createMemoryState()
  const root = state.applyState(emptyStateRoot, [{ address: senders[0]!, balance: 10n ** 18n, nonce: 3n }]).stateRoot
  const base = {
    type: 2,
    nonce: 3n,
    maxFeePerGas: 2n * gwei,
    maxPriorityFeePerGas: 0n,
    gasLimit: 21_000n,
    to: addressOf(7n) as never,
  }
  const good = sign(common, 0, base)
  const cases: [string, TransactionInput][] = [
    ['malformed', { raw: new Uint8Array(0), sender: senders[0]! }],
    ['malformed', { raw: good.raw.slice(0, -1), sender: senders[0]! }],
    ['malformed', { raw: new Uint8Array([...good.raw, 0]), sender: senders[0]! }],
    ['type-unsupported', { raw: new Uint8Array([3, 0xc0]), sender: senders[0]! }],
    ['type-unsupported', { raw: new Uint8Array([4, 0xc0]), sender: senders[0]! }],
    ['type-unsupported', { raw: new Uint8Array([0x7f, 0xc0]), sender: senders[0]! }],
    ['nonce-too-low', sign(common, 0, { ...base, nonce: 2n })],
    ['nonce-too-high', sign(common, 0, { ...base, nonce: 4n })],
    ['insufficient-funds', sign(common, 0, { ...base, value: 10n ** 18n })],
    ['insufficient-funds', sign(common, 1, { ...base, nonce: 0n })],
    ['fee-below-base', sign(common, 0, { ...base, maxFeePerGas: gwei - 1n })],
    ['intrinsic-gas', sign(common, 0, { ...base, gasLimit: 20_999n })],
    ['gas-above-limit', sign(common, 0, { ...base, gasLimit: 100_001n })],
  ]
  const inputs = [
    ...cases.map(([, transaction]) => transaction),
    good,
    sign(common, 0, { ...base, nonce: 4n, gasLimit: 79_001n }),
  ]
  const built = state.execute(blockOf(root, inputs, 'build'))
  assert.deepEqual(
    built.rejected.map(({ code }) => code),
    [...cases.map(([code]) => code), 'block-gas'],
  )
  assert.deepEqual(
    built.receipts.map((receipt) => receipt.inputIndex),
    [cases.length],
  )
  const refused = (index: number, code: string) => (error: unknown) =>
    error instanceof EvmBlockInvalidError && error.facts.reason === code && error.facts.index === index
  for (const [code, transaction] of cases) {
    assert.throws(() => state.evm.execute(blockOf(root, [transaction], 'import')), refused(0, code))
  }
  assert.throws(() => state.evm.execute(blockOf(root, [good, good], 'import')), refused(1, 'nonce-too-low'))
})
