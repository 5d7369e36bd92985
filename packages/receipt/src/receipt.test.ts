/** Receipts, commitments and bundles against a second implementation (eth_account, eth_abi) and against hostile text. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Hex } from '@weightless/codec'
import fc from 'fast-check'
import { privateKeyToAccount, privateKeyToAddress } from 'viem/accounts'
import { bundleToJson, choicesOf, isBodyBundle, isChatBundle, parseBundle, readBundle } from './bundle.ts'
import { checkBundle } from './checkBundle.ts'
import {
  bodyOutputHash,
  bodyRequestHash,
  choiceSeed,
  feeOf,
  inputHash,
  outputHash,
  outputsHash,
  priceId,
  requestHash,
  samplerHash,
  seedOf,
  traceRootsHash,
} from './commitments.ts'
import type { BodyOpening, Bundle, ChatOpening } from './openedReceipt.ts'
import { hashReceipt, type Receipt, recoverReceiptSigner, signReceipt } from './receipt.ts'
import { verifyBundle } from './verifyBundle.ts'

type Vector = {
  choiceSeeds?: Hex[]
  privateKey: Hex
  requestHash: Hex
  receiptHash: Hex
  bundle: Record<string, unknown>
}
const { vectors, shaped, bodies } = JSON.parse(
  readFileSync(new URL('../../../vectors/receipt/receipts.json', import.meta.url), 'utf8'),
) as { vectors: Vector[]; shaped: Vector[]; bodies: Vector[] }

const opened = (vector: Vector): Bundle<ChatOpening> => {
  const read = readBundle(vector.bundle)
  assert.ok(read.ok && isChatBundle(read.value), read.ok ? 'no chat' : read.detail)
  return read.value
}

test('hash and signature equal those of eth_account', async () => {
  assert.equal(vectors.length, 12)
  for (const vector of vectors) {
    const { receipt, settlement, signature } = opened(vector)
    assert.equal(hashReceipt(receipt, settlement), vector.receiptHash)
    assert.equal(await signReceipt(receipt, settlement, privateKeyToAccount(vector.privateKey)), signature)
    assert.equal(
      recoverReceiptSigner(receipt, settlement, signature),
      privateKeyToAddress(vector.privateKey).toLowerCase(),
    )
  }
})

test('commitments equal those made with eth_abi', () => {
  for (const vector of vectors) {
    const { receipt, opening } = opened(vector)
    const sampler = samplerHash(opening.sampler)
    const request = requestHash(opening.messages, opening.stop, sampler)
    assert.deepEqual(
      [
        sampler,
        request,
        seedOf(opening.seed, request),
        inputHash(request, opening.salt),
        outputHash(opening.outputTokens, opening.outputText, opening.finishReason, opening.salt),
        priceId(receipt.provider, opening.price),
        feeOf(opening.price, receipt),
      ],
      [
        receipt.sampler,
        vector.requestHash,
        receipt.seed,
        receipt.inputHash,
        receipt.outputHash,
        receipt.priceId,
        receipt.fee,
      ],
    )
  }
})

test('biases, penalties, shapes and several answers commit as with eth_abi', async () => {
  assert.equal(shaped.length, 12)
  for (const vector of shaped) {
    const bundle = opened(vector)
    const { receipt, settlement, opening } = bundle
    const sampler = samplerHash(opening.sampler)
    const request = requestHash(opening.messages, opening.stop, sampler, opening.shape)
    const seed = seedOf(opening.seed, request)
    const outputs = choicesOf(opening).map((output) =>
      outputHash(output.outputTokens, output.outputText, output.finishReason, opening.salt),
    )
    assert.deepEqual(
      [sampler, request, seed, inputHash(request, opening.salt), outputsHash(outputs, opening.salt)],
      [receipt.sampler, vector.requestHash, receipt.seed, receipt.inputHash, receipt.outputHash],
    )
    assert.deepEqual(
      outputs.map((_, choice) => choiceSeed(seed, choice)),
      vector.choiceSeeds,
    )
    if (opening.traceRoots) assert.equal(traceRootsHash(opening.traceRoots), receipt.traceRoot)
    assert.equal(feeOf(opening.price, receipt), receipt.fee)
    assert.equal(hashReceipt(receipt, settlement), vector.receiptHash)
    assert.deepEqual(bundleToJson(bundle), vector.bundle)
    const difference = await checkBundle(bundle)
    assert.ok(difference === undefined || difference.detail.startsWith('trace root'), JSON.stringify(difference))
  }
})

test('a sampler or a shape that says one thing in two ways is refused', () => {
  const vector = shaped.find(({ bundle }) => opened({ ...shaped[0]!, bundle }).opening.sampler.logitBias?.length === 2)!
  const { opening } = vector.bundle as { opening: Record<string, unknown> & { sampler: Record<string, unknown> } }
  const [first, second] = opening.sampler.logitBias as [number, number][]
  const sampler = (change: object) => ({ sampler: { ...opening.sampler, ...change } })
  const wrong: object[] = [
    sampler({ logitBias: [second, first] }),
    sampler({ logitBias: [first, first] }),
    sampler({ logitBias: [[first![0], 0]] }),
    sampler({ logitBias: [] }),
    sampler({ presencePenalty: 0 }),
    sampler({ frequencyPenalty: 2.5 }),
    { more: [] },
    { traceRoots: undefined },
    { shape: undefined },
    { shape: { ...(opening.shape as object), choices: 17 } },
    { shape: { ...(opening.shape as object), further: 1 } },
  ]
  for (const change of wrong) {
    const verdict = readBundle({ ...vector.bundle, opening: { ...opening, ...change } })
    assert.equal(verdict.ok ? '' : verdict.code, 'malformed', JSON.stringify(change))
  }
})

test('every field is under the signature', async () => {
  const { receipt, settlement, signature } = opened(vectors[5]!)
  const signer = recoverReceiptSigner(receipt, settlement, signature)
  for (const [name, value] of Object.entries(receipt)) {
    const changed =
      typeof value === 'string' ? `${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}` : Number(value) + 1
    const other = { ...receipt, [name]: typeof value === 'bigint' ? value + 1n : changed }
    assert.notEqual(recoverReceiptSigner(other, settlement, signature), signer, name)
  }
  const elsewhere: Hex = `0x${'11'.repeat(20)}`
  assert.notEqual(recoverReceiptSigner(receipt, elsewhere, signature), signer)
  assert.equal(recoverReceiptSigner(receipt, settlement, `0x${'00'.repeat(65)}`), undefined)
})

test('JSON of a bundle survives a round trip', () => {
  for (const vector of vectors) assert.deepEqual(bundleToJson(opened(vector)), vector.bundle)
})

test('hostile text is a verdict, never a throw', () => {
  const source = JSON.stringify(vectors[7]!.bundle)
  fc.assert(fc.property(fc.jsonValue(), (value) => !readBundle(value).ok))
  fc.assert(
    fc.property(fc.nat(source.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, unit) => {
      parseBundle(source.slice(0, at) + unit + source.slice(at + 1))
      assert.ok(!parseBundle(source.slice(0, at)).ok)
    }),
  )
  const { receipt } = vectors[7]!.bundle as { receipt: object }
  const wrong = [
    { fee: '-1' },
    { fee: `${1n << 256n}` },
    { fee: 1 },
    { user: '0x12' },
    { version: 70_000 },
    { promptTokens: `${1n << 64n}` },
    { surplus: 1 },
  ]
  for (const change of wrong) {
    const verdict = readBundle({ ...vectors[7]!.bundle, receipt: { ...receipt, ...change } })
    assert.deepEqual([verdict.ok, verdict.ok ? '' : verdict.code], [false, 'malformed'], JSON.stringify(change))
  }
})

const openedBody = (vector: Vector): Bundle<BodyOpening> => {
  const read = readBundle(vector.bundle)
  assert.ok(read.ok && isBodyBundle(read.value), read.ok ? 'no body' : read.detail)
  return read.value
}

test('receipts about bytes equal those of eth_abi and eth_account, and say that nobody re-executed them', async () => {
  assert.equal(bodies.length, 6)
  for (const vector of bodies) {
    const bundle = openedBody(vector)
    const { receipt, settlement, opening } = bundle
    assert.equal(hashReceipt(receipt, settlement), vector.receiptHash)
    const request = bodyRequestHash(opening.path, opening.requestSha256)
    assert.deepEqual(
      [
        request,
        inputHash(request, opening.salt),
        bodyOutputHash(opening.responseSha256, opening.finishReason, opening.salt),
      ],
      [vector.requestHash, receipt.inputHash, receipt.outputHash],
    )
    assert.deepEqual(bundleToJson(bundle), vector.bundle)
    const loadWeights = () => assert.fail('no weights are needed')
    const verdict = await verifyBundle(bundle, { loadWeights })
    assert.ok(verdict.accepted && !verdict.reExecuted, JSON.stringify(verdict))
    assert.match(verdict.note, /^Not re-executable/)
    assert.equal(BigInt(verdict.completionTokens), receipt.completionTokens)
  }
})

test('every lie of a receipt about bytes is named', async () => {
  const bundle = openedBody(bodies[4]!)
  const account = privateKeyToAccount(bodies[4]!.privateKey)
  const word: Hex = `0x${'ab'.repeat(32)}`
  const cases: [string, Partial<Receipt>, Partial<BodyOpening>][] = [
    ['commitment', {}, { path: '/v1/completions' }],
    ['commitment', {}, { requestSha256: word }],
    ['commitment', {}, { responseSha256: word }],
    ['commitment', {}, { salt: word }],
    ['commitment', {}, { finishReason: 'stop' }],
    ['commitment', {}, { price: { ...bundle.opening.price, inputWeiPerToken: 1n } }],
    ['commitment', { seed: word }, {}],
    ['commitment', { sampler: word }, {}],
    ['fee', { fee: bundle.receipt.fee + 1n }, {}],
    ['fee', { completionTokens: bundle.receipt.completionTokens + 1n }, {}],
    ['unsupported', { check: 1 }, {}],
    ['unsupported', { serviceClass: 1 }, {}],
    ['unsupported', { serviceClass: 3 }, {}],
    ['signature', { provider: `0x${'01'.repeat(20)}` }, {}],
  ]
  for (const [fault, changes, opening] of cases) {
    const receipt = { ...bundle.receipt, ...changes }
    const signature = await signReceipt(receipt, bundle.settlement, account)
    const lie = { ...bundle, receipt, signature, opening: { ...bundle.opening, ...opening } }
    assert.equal((await checkBundle(lie))?.fault, fault, Object.keys({ ...changes, ...opening }).join())
  }
  // A chat's opening under the class of bytes, and the other way round.
  const chat = opened(vectors[3]!)
  for (const mixed of [
    { ...chat, receipt: { ...chat.receipt, serviceClass: 2 } },
    { ...chat, opening: bundle.opening },
  ])
    assert.equal((await checkBundle(mixed))?.fault, 'unsupported')
  assert.ok(!readBundle({ ...bodies[0]!.bundle, opening: { ...openedBody(bodies[0]!).opening, path: '../etc' } }).ok)
})
