/** The state trie against @ethereumjs/mpt: any sequence of writes and deletes, and proofs that its verifier accepts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMPT, verifyMerkleProof } from '@ethereumjs/mpt'
import { bytesToHex } from '@weightless/codec'
import fc from 'fast-check'
import { emptyStateRoot } from './createEvm.ts'
import { addressOf, createOracle } from './testing/ethereumjsOracle.ts'
import { createMemoryState } from './testing/memoryState.ts'
import { word } from './testing/signedTransactions.ts'

const contract = addressOf(0xc0n)

/** RLP of a storage value: what the trie's leaf holds. */
function rlpOf(value: bigint): Uint8Array {
  const digits = value.toString(16)
  const bytes = Uint8Array.from(digits.padStart(digits.length + (digits.length % 2), '0').match(/../g)!, (byte) =>
    Number.parseInt(byte, 16),
  )
  return bytes.length === 1 && bytes[0]! < 0x80 ? bytes : Uint8Array.from([0x80 + bytes.length, ...bytes])
}

test('any sequence of storage writes and deletes gives the root of another trie', async () => {
  const value = fc.oneof(
    fc.constant(0n),
    fc.constant(0n),
    fc.bigInt({ min: 0n, max: 300n }),
    fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
  )
  const batch = fc.array(fc.record({ slot: fc.nat({ max: 40 }), value }), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 6 }), async (batches) => {
      const state = await createMemoryState()
      const reference = await createMPT({ useKeyHashing: true })
      let root = state.applyState(emptyStateRoot, [{ address: contract, nonce: 1n }]).stateRoot
      for (const writes of batches) {
        const storage = writes.map(({ slot, value }) => ({ slot: word(slot), value: word(value) }))
        root = state.applyState(root, [{ address: contract, storage }]).stateRoot
        for (const { slot, value } of writes) {
          if (value === 0n) await reference.del(word(slot))
          else await reference.put(word(slot), rlpOf(value))
        }
        const ours = state.evm.getAccount(root, contract)!.storageRoot
        assert.equal(bytesToHex(ours), bytesToHex(reference.root()))
        // Nothing was left out of the dirty nodes: an engine without any cache reads the same state.
        const fresh = await createMemoryState()
        for (const [key, node] of state.nodes) fresh.nodes.set(key, node)
        const last = writes.at(-1)
        if (last) {
          assert.deepEqual(fresh.evm.getStorage(root, contract, word(last.slot)), word(last.value))
          const proof = fresh.evm.getProof(root, contract, [word(last.slot)]).storageProofs[0]!.proof
          if (proof.length > 0) {
            const proven = await verifyMerkleProof(word(last.slot), proof, { root: ours, useKeyHashing: true })
            assert.deepEqual(proven, last.value === 0n ? null : rlpOf(last.value))
          }
        }
      }
    }),
    { numRuns: 60 },
  )
})

test('deleting everything leads back to the empty root, whatever the order', async () => {
  const state = await createMemoryState()
  const addresses = Array.from({ length: 64 }, (_, index) => addressOf(BigInt(index + 1)))
  let root = state.applyState(
    emptyStateRoot,
    addresses.map((address) => ({ address, balance: 1n })),
  ).stateRoot
  const roots = [root]
  for (const address of addresses.toReversed()) {
    root = state.applyState(root, [{ address, balance: 0n }]).stateRoot
    roots.push(root)
  }
  assert.deepEqual(root, emptyStateRoot)
  assert.equal(new Set(roots.map(bytesToHex)).size, 65)
  // The same accounts added one by one pass through the same roots in reverse.
  let again = emptyStateRoot
  for (const [index, address] of addresses.entries()) {
    again = state.applyState(again, [{ address, balance: 1n }]).stateRoot
    assert.equal(bytesToHex(again), bytesToHex(roots[63 - index]!))
  }
})

test('account proofs, of presence and of absence, convince another verifier', async () => {
  const state = await createMemoryState()
  const changes = Array.from({ length: 300 }, (_, index) => ({
    address: addressOf(BigInt(index + 1)),
    balance: BigInt(index) + 10n ** 18n,
    storage: [{ slot: word(index), value: word(index + 1) }],
  }))
  const root = state.applyState(emptyStateRoot, changes).stateRoot
  for (const index of [0, 7, 299]) {
    const address = addressOf(BigInt(index + 1))
    const proof = state.evm.getProof(root, address, [word(index), word(9999)])
    const proven = await verifyMerkleProof(address, proof.accountProof, { root, useKeyHashing: true })
    assert.ok(proven && bytesToHex(proven).includes(bytesToHex(proof.account!.storageRoot).slice(2)))
    const [present, absent] = proof.storageProofs
    const options = { root: proof.account!.storageRoot, useKeyHashing: true }
    assert.deepEqual(await verifyMerkleProof(word(index), present!.proof, options), rlpOf(BigInt(index + 1)))
    assert.equal(await verifyMerkleProof(word(9999), absent!.proof, options), null)
    assert.deepEqual(absent!.value, word(0))
  }
  const nobody = addressOf(0xdeadn)
  const absence = state.evm.getProof(root, nobody, [word(0)])
  assert.equal(absence.account, undefined)
  assert.equal(await verifyMerkleProof(nobody, absence.accountProof, { root, useKeyHashing: true }), null)
})

test('a proof with one flipped byte convinces nobody', async () => {
  const state = await createMemoryState()
  const changes = Array.from({ length: 50 }, (_, index) => ({ address: addressOf(BigInt(index + 1)), balance: 7n }))
  const root = state.applyState(emptyStateRoot, changes).stateRoot
  const { accountProof } = state.evm.getProof(root, addressOf(5n), [])
  for (const [depth, node] of accountProof.entries()) {
    const forged = accountProof.map((bytes) => bytes.slice())
    forged[depth]![node.length >> 1]! ^= 1
    await assert.rejects(verifyMerkleProof(addressOf(5n), forged, { root, useKeyHashing: true }))
  }
})

test('code hashes agree with another Keccak around every block boundary', async () => {
  const state = await createMemoryState()
  const oracle = await createOracle()
  const lengths = [1, 55, 56, 134, 135, 136, 137, 271, 272, 273, 1000, 24_576, 70_000]
  const codes = lengths.map((length) => Uint8Array.from({ length }, (_, index) => (index * 7 + length) & 0xff))
  const changes = codes.map((code, index) => ({ address: addressOf(BigInt(index + 1)), code, balance: 1n }))
  const root = state.applyState(emptyStateRoot, changes).stateRoot
  assert.deepEqual(root, await oracle.applyState(changes))
  for (const [index, code] of codes.entries()) {
    const account = state.evm.getAccount(root, addressOf(BigInt(index + 1)))!
    assert.deepEqual(state.evm.getCode(account.codeHash), code)
  }
})
