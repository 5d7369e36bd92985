/** Bundles of real runs of a real (tiny) model: honest ones pass, every single lie is named. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import { encodeTrace, loadModel, type Model, runChat, type Trace } from '@weightless/tensor'
import { privateKeyToAccount } from 'viem/accounts'
import { bundleToJson, isChatBundle, readBundle } from './bundle.ts'
import { feeOf, inputHash, outputHash, priceId, requestHash, samplerHash, seedOf } from './commitments.ts'
import type { Bundle, ChatOpening } from './openedReceipt.ts'
import { type Receipt, signReceipt } from './receipt.ts'
import { verifyBundle } from './verifyBundle.ts'

const weights = new Uint8Array(readFileSync(new URL('../../../vectors/tensor/tiny-random.gguf', import.meta.url)))
const account = privateKeyToAccount(`0x${'42'.repeat(32)}`)
const settlement: Hex = `0x${'51'.repeat(20)}`
const model = await loadModel(weights)
const modelRoot = bytesToHex(fileRoot(weights))
const loadWeights = async () => weights

type Lie = {
  receipt?: Partial<Receipt>
  opening?: Partial<ChatOpening>
  /** Runs the job itself otherwise. */
  run?: (request: Parameters<typeof runChat>[1]) => Parameters<typeof runChat>[1]
  model?: Model
}

/** What a provider would hand out; lies are signed and committed to like the truth. */
async function answer(lie: Lie = {}): Promise<{ bundle: Bundle<ChatOpening>; trace: Trace }> {
  const asked = {
    salt: `0x${'07'.repeat(32)}`,
    messages: [{ role: 'user', content: 'Say something, please.' }],
    stop: [],
    sampler: { temperature: 0.8, topP: 0.95, maxTokens: 24 },
    seed: { kind: 'seed', value: 11n },
    price: { model: 'tiny', inputWeiPerToken: 3n, outputWeiPerToken: 5n, updatedAt: 1_700_000_000n },
  } satisfies Partial<ChatOpening>
  const sampler = samplerHash(asked.sampler)
  const request = requestHash(asked.messages, asked.stop, sampler)
  const seed = seedOf(asked.seed, request)
  const job = { ...asked, ...asked.sampler, seed32: hexToBytes(seed) }
  const run = await runChat(lie.model ?? model, lie.run ? lie.run(job) : job, { trace: 'operators' })
  const trace = run.trace!
  const { outputTokens, text: outputText, finishReason } = run
  const opening = {
    ...asked,
    outputTokens,
    outputText,
    finishReason,
    trace: encodeTrace(trace, 'steps'),
    ...lie.opening,
  }
  const provider = account.address.toLowerCase() as Hex
  const usage = { promptTokens: BigInt(run.promptTokens.length), completionTokens: BigInt(opening.outputTokens.length) }
  const receipt: Receipt = {
    version: 1,
    serviceClass: 1,
    check: 1,
    chainId: 31337n,
    user: `0x${'01'.repeat(20)}`,
    provider,
    modelRoot,
    programId: model.programId,
    tokenizerRoot: model.tokenizerRoot,
    sampler,
    seed,
    inputHash: inputHash(request, asked.salt),
    outputHash: outputHash(opening.outputTokens, opening.outputText, opening.finishReason, opening.salt),
    traceRoot: bytesToHex(trace.root),
    ...usage,
    priceId: priceId(provider, asked.price),
    fee: feeOf(asked.price, usage),
    jobNonce: 1n,
    timestamp: 1_790_000_000n,
    ...lie.receipt,
  }
  const bundle = { settlement, receipt, opening, signature: await signReceipt(receipt, settlement, account) }
  const read = readBundle(JSON.parse(JSON.stringify(bundleToJson(bundle))))
  assert.ok(read.ok && isChatBundle(read.value))
  return { bundle: read.value, trace }
}

async function verdictOf(lie: Lie, loadOperators = true) {
  const { bundle, trace } = await answer(lie)
  const operators = async () => encodeTrace(trace, 'operators')
  return verifyBundle(bundle, { loadWeights, ...(loadOperators ? { loadOperators: operators } : {}) })
}

async function faultOf(lie: Lie) {
  const verdict = await verdictOf(lie)
  return verdict.accepted ? 'accepted' : verdict.fault
}

test('an honest answer is accepted, sampled or greedy, whole or cut short', async () => {
  const { bundle } = await answer()
  const stages: string[] = []
  const verdict = await verifyBundle(bundle, { loadWeights, onProgress: ({ stage }) => stages.push(stage) })
  assert.deepEqual(verdict, {
    accepted: true,
    reExecuted: true,
    promptTokens: Number(bundle.receipt.promptTokens),
    completionTokens: bundle.opening.outputTokens.length,
    text: bundle.opening.outputText,
  })
  assert.deepEqual([...new Set(stages)], ['fetching', 'hashing', 'loading', 'replaying'])
})

test('a weight that differs in its last bit is caught, and the operator is named', async () => {
  const changed = weights.slice()
  // Some weight in the last tensors of the file.
  changed[changed.length - 4_000]! ^= 1
  const verdict = await verdictOf({ model: await loadModel(changed) })
  assert.ok(!verdict.accepted)
  assert.equal(verdict.fault, 'operator')
  assert.match(verdict.operator ?? '', /^(embed|layer \d+ |output)/)
  const blunt = await verdictOf({ model: await loadModel(changed) }, false)
  assert.equal(blunt.accepted ? '' : blunt.fault, 'trace')
})

test('weights that are not those of the receipt are refused before anything is made of them', async () => {
  const { bundle } = await answer()
  const stale = weights.slice()
  stale[stale.length - 4_000]! ^= 1
  const verdict = await verifyBundle(bundle, { loadWeights: async () => stale })
  assert.equal(verdict.accepted ? '' : verdict.fault, 'weights')
})

test('another sampler, another seed and another answer are caught', async () => {
  assert.match(await faultOf({ run: (job) => ({ ...job, temperature: job.temperature + 2 ** -22 }) }), /operator|token/)
  assert.match(await faultOf({ run: (job) => ({ ...job, seed32: new Uint8Array(32) }) }), /operator|token/)
  assert.match(await faultOf({ run: (job) => ({ ...job, maxTokens: 12 }) }), /finish|token/)
  const { bundle } = await answer()
  const { outputTokens, outputText } = bundle.opening
  assert.equal(await faultOf({ opening: { outputText: `${outputText}!` } }), 'text')
  const swapped = outputTokens.map((token, index) => (index === 5 ? token + 1 : token))
  const verdict = await verdictOf({ opening: { outputTokens: swapped } })
  assert.deepEqual(verdict.accepted ? '' : [verdict.fault, verdict.token], ['token', 5])
})

test('a prompt rendered otherwise is caught, also with as many tokens', async () => {
  const otherWord = (job: Parameters<typeof runChat>[1]) => ({
    ...job,
    messages: [{ role: 'user', content: 'Say something, plEase.' }],
  })
  const verdict = await verdictOf({ run: otherWord })
  assert.ok(!verdict.accepted)
  assert.match(verdict.fault, /usage|operator|trace/)
})

test('whatever hashes and sums can tell is told without a model', async () => {
  const { bundle } = await answer()
  const { receipt, opening } = bundle
  const cases: [string, Lie][] = [
    ['usage', { receipt: { completionTokens: receipt.completionTokens + 1n, fee: receipt.fee + 5n } }],
    ['usage', { receipt: { promptTokens: receipt.promptTokens + 1n, fee: receipt.fee + 3n } }],
    ['fee', { receipt: { fee: receipt.fee + 1n } }],
    ['commitment', { opening: { salt: `0x${'08'.repeat(32)}` }, receipt: { outputHash: receipt.outputHash } }],
    ['commitment', { opening: { messages: [{ role: 'user', content: 'Say nothing.' }] } }],
    ['commitment', { opening: { sampler: { ...opening.sampler, topP: 0.9 } } }],
    ['commitment', { opening: { seed: { kind: 'seed', value: 12n } } }],
    ['commitment', { opening: { price: { ...opening.price, outputWeiPerToken: 4n } } }],
    ['unsupported', { receipt: { check: 0 } }],
    ['unsupported', { receipt: { version: 2 } }],
    ['unsupported', { receipt: { traceRoot: `0x${'00'.repeat(32)}` } }],
    ['signature', { receipt: { provider: `0x${'02'.repeat(20)}` } }],
    ['weights', { receipt: { modelRoot: `0x${'03'.repeat(32)}` } }],
    ['program', { receipt: { programId: `0x${'04'.repeat(32)}` } }],
    ['trace', { receipt: { traceRoot: `0x${'05'.repeat(32)}` } }],
  ]
  for (const [fault, lie] of cases) {
    // A provider address that is not the signer's changes the price id too; the signature is looked at first.
    assert.equal(
      await faultOf(lie),
      fault,
      JSON.stringify(lie, (_, item) => (typeof item === 'bigint' ? `${item}` : item)),
    )
  }
})

test('what the user knows from elsewhere must agree', async () => {
  const { bundle } = await answer()
  const price = { inputWeiPerToken: 3n, outputWeiPerToken: 4n }
  for (const expected of [{ chainId: 1n }, { settlement: account.address }, { user: account.address }, { price }]) {
    const verdict = await verifyBundle(bundle, { loadWeights, expected })
    assert.equal(verdict.accepted ? '' : verdict.fault, 'expectation')
  }
})
