import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { type Hex, hexToBytes } from '@weightless/codec'
import { privateKeyToAccount } from 'viem/accounts'
import { readBundle } from './bundle.ts'
import { checkBundle } from './checkBundle.ts'
import { hashReceipt, recoverReceiptSigner } from './receipt.ts'
import { batchSigner, isBatchSignature, signReceiptBatch } from './receiptBatch.ts'

type Batch = {
  privateKey: Hex
  signer: Hex
  chainId: string
  settlement: Hex
  receipts: { digest: Hex; signature: Hex }[]
}
const vectorsOf = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../vectors/receipt/${name}`, import.meta.url), 'utf8'))
const { batches } = vectorsOf('batches.json') as { batches: Batch[] }
const { vectors } = vectorsOf('receipts.json') as { vectors: { privateKey: Hex; bundle: { signature: Hex } }[] }

const domainOf = ({ chainId, settlement }: Batch) => ({ chainId: BigInt(chainId), verifyingContract: settlement })

describe('receipts signed together', () => {
  test('have the signatures that eth_account makes', async () => {
    for (const batch of batches) {
      const digests = batch.receipts.map(({ digest }) => digest)
      const signatures = await signReceiptBatch(digests, domainOf(batch), privateKeyToAccount(batch.privateKey))
      assert.deepEqual(
        signatures,
        batch.receipts.map(({ signature }) => signature),
      )
      for (const { digest, signature } of batch.receipts) {
        assert.equal(batchSigner(hexToBytes(digest), hexToBytes(signature), domainOf(batch)), batch.signer)
      }
    }
  })

  test('are plain where there is but one, and none where there is none', async () => {
    const account = privateKeyToAccount(vectors[5]!.privateKey)
    const read = readBundle(vectors[5]!.bundle)
    assert.ok(read.ok)
    const { receipt, settlement, signature } = read.value
    const domain = { chainId: receipt.chainId, verifyingContract: settlement }
    assert.deepEqual(await signReceiptBatch([hashReceipt(receipt, settlement)], domain, account), [signature])
    assert.deepEqual(await signReceiptBatch([], domain, account), [])
  })

  test('name nobody else once a byte differs, in the digest, the signature, or the proof', () => {
    const batch = batches[3]!
    const { digest, signature } = batch.receipts[1]!
    for (const [text, isDigest] of [
      [digest, true],
      [signature, false],
    ] as const) {
      for (let at = 0; at < hexToBytes(text).length; at++) {
        const bytes = hexToBytes(text)
        bytes[at]! ^= 0x55
        const signer = isDigest
          ? batchSigner(bytes, hexToBytes(signature), domainOf(batch))
          : batchSigner(hexToBytes(digest), bytes, domainOf(batch))
        assert.notEqual(signer, batch.signer, `byte ${at}`)
      }
    }
    const elsewhere = { ...domainOf(batch), chainId: 1n }
    assert.notEqual(batchSigner(hexToBytes(digest), hexToBytes(signature), elsewhere), batch.signer)
  })

  test('are no receipts of another batch, nor of a level of the tree', () => {
    const [four, five] = [batches[2]!, batches[3]!]
    const foreign = hexToBytes(five.receipts[0]!.digest)
    assert.notEqual(batchSigner(foreign, hexToBytes(four.receipts[0]!.signature), domainOf(four)), four.signer)
  })

  test('have proofs of whole hashes, sixteen at most', () => {
    for (const [proofBytes, isOne] of [
      [0, false],
      [31, false],
      [32, true],
      [33, false],
      [512, true],
      [544, false],
    ] as const) {
      assert.equal(isBatchSignature(new Uint8Array(65 + proofBytes)), isOne, `${proofBytes} bytes`)
    }
  })

  test('stand in bundles like any other, and are checked like them', async () => {
    const { privateKey, bundle } = vectors[5]!
    const account = privateKeyToAccount(privateKey)
    const read = readBundle(bundle)
    assert.ok(read.ok)
    const { receipt, settlement } = read.value
    const domain = { chainId: receipt.chainId, verifyingContract: settlement }
    const digest = hashReceipt(receipt, settlement)
    const [, signature] = await signReceiptBatch([batches[0]!.receipts[0]!.digest, digest], domain, account)
    const batched = readBundle({ ...bundle, signature })
    assert.ok(batched.ok)
    assert.equal(recoverReceiptSigner(receipt, settlement, signature!), account.address.toLowerCase())
    assert.equal(await checkBundle(batched.value), undefined)
    for (const cut of [signature!.slice(0, -2), `${signature}00`, `${signature!.slice(0, 132)}${'00'.repeat(544)}`]) {
      assert.ok(!readBundle({ ...bundle, signature: cut }).ok)
      assert.equal(recoverReceiptSigner(receipt, settlement, cut as Hex), undefined)
    }
  })
})
