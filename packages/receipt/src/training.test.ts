/** Receipts of trainings against a second implementation (eth_account, eth_abi), and every way in which one may be wrong. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Hex } from '@weightless/codec'
import fc from 'fast-check'
import { privateKeyToAccount } from 'viem/accounts'
import { zeroWord } from './commitments.ts'
import { hashReceipt, type Receipt, signReceipt } from './receipt.ts'
import {
  checkTrainingBundle,
  isTrainingJson,
  makeTrainingReceipt,
  readTrainingBundle,
  type TrainingBundle,
  type TrainingOpening,
  trainingBundleToJson,
  trainingProgramId,
} from './training.ts'

type Vector = { privateKey: Hex; receiptHash: Hex; modelProgramId: Hex; bundle: Record<string, unknown> }
const { trainings } = JSON.parse(
  readFileSync(new URL('../../../vectors/receipt/receipts.json', import.meta.url), 'utf8'),
) as { trainings: Vector[] }

const opened = ({ bundle }: Vector): TrainingBundle => {
  const read = readTrainingBundle(bundle)
  assert.ok(read.ok, read.ok ? '' : read.detail)
  return read.value
}

test('receipts of trainings are made, signed and checked as by another implementation', async () => {
  assert.equal(trainings.length, 6)
  for (const vector of trainings) {
    const bundle = opened(vector)
    const { receipt, opening, settlement, signature } = bundle
    assert.ok(isTrainingJson(vector.bundle))
    assert.deepEqual(trainingBundleToJson(bundle), vector.bundle)
    assert.equal(hashReceipt(receipt, settlement), vector.receiptHash)
    assert.equal(await signReceipt(receipt, settlement, privateKeyToAccount(vector.privateKey)), signature)
    assert.equal(await checkTrainingBundle(bundle, { user: receipt.user, settlement }), undefined)
    const { chainId, user, provider, modelRoot, seed, tokenizerRoot, jobNonce } = receipt
    const programId = trainingProgramId(vector.modelProgramId)
    if (receipt.check === 1) assert.equal(receipt.programId, programId)
    const proof = receipt.check === 1 ? { programId, tokenizerRoot, stateHash: receipt.traceRoot } : undefined
    const usage = { trainedTokens: Number(receipt.promptTokens), timestampSeconds: Number(receipt.timestamp) }
    const facts = { ...usage, chainId, user, provider, modelRoot, seed, jobNonce, proof }
    assert.deepEqual(makeTrainingReceipt(facts, opening), receipt)
  }
})

const word: Hex = `0x${'5a'.repeat(32)}`

test('what is changed is found, and named', async () => {
  const [unproven, proven] = trainings as [Vector, Vector]
  const resigned = async (vector: Vector, receipt: Partial<Receipt>, opening: Partial<TrainingOpening> = {}) => {
    const bundle = opened(vector)
    const changed = { ...bundle.receipt, ...receipt }
    const signature = await signReceipt(changed, bundle.settlement, privateKeyToAccount(vector.privateKey))
    const found = await checkTrainingBundle({
      ...{ settlement: bundle.settlement, receipt: changed, signature },
      opening: { ...bundle.opening, ...opening },
    })
    return found?.fault
  }
  assert.equal(await resigned(proven, {}), undefined)
  assert.equal(await resigned(proven, { version: 2 }), 'unsupported')
  assert.equal(await resigned(proven, { serviceClass: 1 }), 'unsupported')
  assert.equal(await resigned(proven, { check: 2 }), 'unsupported')
  assert.equal(await resigned(proven, { traceRoot: zeroWord }), 'unsupported')
  assert.equal(await resigned(unproven, { programId: word }), 'unsupported')
  for (const name of ['datasetRoot', 'plainRoot', 'adapterRoot', 'salt'] as const)
    assert.equal(await resigned(proven, {}, { [name]: word }), 'commitment', name)
  assert.equal(await resigned(proven, {}, { parameters: '{"seed":8}' }), 'commitment')
  assert.equal(await resigned(proven, { completionTokens: 1n }), 'usage')
  assert.equal(await resigned(proven, { fee: 1n }), 'fee')
  const bundle = opened(proven)
  const forged = { ...bundle, receipt: { ...bundle.receipt, modelRoot: word } }
  assert.equal((await checkTrainingBundle(forged))?.fault, 'signature')
  assert.equal((await checkTrainingBundle(bundle, { user: `0x${'12'.repeat(20)}` }))?.fault, 'expectation')
})

test('hostile JSON is refused', () => {
  assert.equal(readTrainingBundle({ ...trainings[0]!.bundle, more: 1 }).ok, false)
  fc.assert(fc.property(fc.jsonValue(), (json) => !readTrainingBundle(json).ok))
  fc.assert(fc.property(fc.jsonValue(), (json) => void readTrainingBundle({ ...trainings[0]!.bundle, opening: json })))
})
