/** Fingerprints of an upstream: an honest one agrees, other weights, prompts and samplers do not, and nothing malformed gets through. */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { fileRoot, sha256 } from '@weightless/crypto'
import { loadModel, type Model } from '@weightless/tensor'
import { privateKeyToAccount } from 'viem/accounts'
import { bodyOutputHash, bodyRequestHash, inputHash, priceId, zeroWord } from '../commitments.ts'
import type { BodyOpening, Bundle } from '../openedReceipt.ts'
import { checks, type Receipt, serviceClasses, signReceipt } from '../receipt.ts'
import type { Verification } from '../verifyBundle.ts'
import { verifyBundle } from '../verifyBundle.ts'
import { openModel, type Served, type ServedRequest, serve, weights } from './printedAnswer.cases.ts'
import { printProgram } from './printProgram.ts'
import { readPrintedAnswer, readPrintedRequest } from './readPrinted.ts'
import { verifyPrint } from './verifyPrint.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const settlement: Hex = `0x${'22'.repeat(20)}`
const runs = process.env.WEIGHTLESS_HEAVY ? 200 : 4

const request: ServedRequest = {
  messages: [{ role: 'user', content: 'Count.' }],
  temperature: 0.8,
  top_p: 1,
  logprobs: true,
  top_logprobs: 20,
}

async function signed(sent: string, response: string, changes: Partial<Receipt> = {}): Promise<Bundle<BodyOpening>> {
  const hashOf = (text: string) => bytesToHex(sha256(textToBytes(text)))
  const price = { model: 'tiny', inputWeiPerToken: 1n, outputWeiPerToken: 2n, updatedAt: 1n }
  const opening: BodyOpening = {
    kind: 'body',
    salt: `0x${'33'.repeat(32)}`,
    path: '/v1/chat/completions',
    requestSha256: hashOf(sent),
    responseSha256: hashOf(response),
    finishReason: 'stop',
    price,
  }
  const provider = account.address.toLowerCase() as Hex
  const receipt: Receipt = {
    ...{ version: 1, serviceClass: serviceClasses.body, check: checks.fingerprint, chainId: 1n },
    ...{ user: `0x${'44'.repeat(20)}`, provider, modelRoot: bytesToHex(fileRoot(weights)) },
    ...{ programId: printProgram('model'), tokenizerRoot: zeroWord, sampler: zeroWord, seed: zeroWord },
    inputHash: inputHash(bodyRequestHash(opening.path, opening.requestSha256), opening.salt),
    outputHash: bodyOutputHash(opening.responseSha256, 'stop', opening.salt),
    ...{ traceRoot: zeroWord, promptTokens: 10n, completionTokens: 48n, priceId: priceId(provider, price) },
    ...{ fee: 106n, jobNonce: 1n, timestamp: 1n, ...changes },
  }
  return { settlement, receipt, opening, signature: await signReceipt(receipt, settlement, account) }
}

describe('the fingerprint of an upstream', () => {
  let honest: Model
  let coarser: Model

  before(async () => {
    honest = await openModel()
    // The lowest bits of what every matrix's blocks hold.
    coarser = await loadModel(weights.map((byte, i) => (i > weights.length / 2 && i % 7 === 0 ? byte ^ 0x10 : byte)))
  })

  async function verdictOf(served: Served, by = honest, sent = request, claimed = request): Promise<Verification> {
    const response = serve(by, sent, served)
    const text = JSON.stringify(claimed)
    const bundle = await signed(text, response)
    const exchange = { request: textToBytes(text), response: textToBytes(response) }
    return verifyPrint(bundle, { ...exchange, loadWeights: async () => weights.slice() })
  }

  const faultOf = (verdict: Verification) => (verdict.accepted ? 'accepted' : `${verdict.fault}: ${verdict.detail}`)

  test('honest answers agree, at any temperature, and the verdict says what it does not show', async () => {
    for (let seed = 1; seed <= runs; seed++) {
      const asked = { ...request, temperature: [0, 0.7, 1][seed % 3]!, top_p: seed % 2 ? 1 : 0.9 }
      const verdict = await verdictOf({ seed }, honest, asked, asked)
      assert.ok(verdict.accepted && !verdict.reExecuted && verdict.fingerprint, `${seed}: ${faultOf(verdict)}`)
      assert.match(verdict.note, /agrees.*rate of false alarms is not known.*does not show that sampling was fair/s)
    }
  })

  test('other weights, another prompt and another temperature are found', async () => {
    const other = { ...request, messages: [{ role: 'user', content: 'Say that you love the sponsor.' }] }
    for (let seed = 1; seed <= runs / 2; seed++) {
      assert.match(faultOf(await verdictOf({ seed }, coarser)), /^fingerprint/)
      assert.match(faultOf(await verdictOf({ seed }, honest, other)), /^fingerprint/)
      assert.match(faultOf(await verdictOf({ seed, temperature: 0.1, tokens: 64 })), /^fingerprint.*deviations/)
    }
    const greedy = { ...request, temperature: 0 }
    assert.match(
      faultOf(await verdictOf({ seed: 1, temperature: 1.5 }, honest, greedy, greedy)),
      /could not have been drawn/,
    )
  })

  test('alternatives that are kept back, or shown twice, hide nothing', async () => {
    type Position = { top_logprobs: object[] }
    const bend = async (model: Model, change: (top: object[]) => object[]) => {
      const json = JSON.parse(serve(model, request, { seed: 7 })) as {
        choices: { logprobs: { content: Position[] } }[]
      }
      for (const position of json.choices[0]!.logprobs.content) position.top_logprobs = change(position.top_logprobs)
      const [sent, response] = [JSON.stringify(request), JSON.stringify(json)]
      const exchange = { request: textToBytes(sent), response: textToBytes(response) }
      const bundle = await signed(sent, response)
      return faultOf(await verifyPrint(bundle, { ...exchange, loadWeights: async () => weights.slice() }))
    }
    assert.equal(await bend(honest, (top) => top), 'accepted')
    assert.equal(await bend(honest, (top) => top.slice(0, 12)), 'accepted')
    const hiding = [(top: object[]) => top.slice(0, 1), (top: object[]) => top.map(() => top[0]!), () => []]
    for (const change of hiding) {
      assert.match(await bend(honest, change), /^fingerprint: 100.0 % of the tokens are shown without the alternatives/)
      assert.match(await bend(coarser, change), /^fingerprint/)
    }
  })

  test('a short answer says nothing, and the verdict says so', async () => {
    const verdict = await verdictOf({ seed: 1, tokens: 8 })
    assert.ok(verdict.accepted && !verdict.reExecuted && !verdict.fingerprint)
    assert.match(verdict.note, /too short/)
  })

  test('without its bytes the receipt is signed and no more', async () => {
    const verdict = await verifyBundle(await signed('{}', '{}'), { loadWeights: async () => undefined })
    assert.ok(verdict.accepted && !verdict.reExecuted)
    assert.match(verdict.note, /^Fingerprint not looked at/)
  })

  test('other bytes, another text, no log-probabilities, another file: each is named', async () => {
    const sent = JSON.stringify(request)
    const response = serve(honest, request, { seed: 5 })
    const bundle = await signed(sent, response)
    const check = async (given: { request?: string; response?: string; bundle?: Bundle; weights?: Uint8Array }) =>
      faultOf(
        await verifyPrint(given.bundle ?? bundle, {
          request: textToBytes(given.request ?? sent),
          response: textToBytes(given.response ?? response),
          loadWeights: async () => given.weights ?? weights.slice(),
        }),
      )
    assert.equal(await check({}), 'accepted')
    assert.match(await check({ request: sent.replace('Count', 'Mount') }), /^commitment/)
    assert.match(await check({ response: `${response} ` }), /^commitment/)
    assert.match(await check({ weights: weights.slice(0, -1) }), /^weights/)
    const json = JSON.parse(response) as { choices: { message: { content: string }; logprobs?: unknown }[] }
    json.choices[0]!.message.content = 'Something else.'
    const told = JSON.stringify(json)
    assert.match(await check({ bundle: await signed(sent, told), response: told }), /^fingerprint: the tokens shown/)
    json.choices[0]!.logprobs = undefined
    const bare = JSON.stringify(json)
    assert.match(
      await check({ bundle: await signed(sent, bare), response: bare }),
      /^fingerprint.*no log-probabilities/,
    )
    const two = JSON.stringify({ ...request, n: 2 })
    assert.match(await check({ bundle: await signed(two, response), request: two }), /^unsupported/)
    assert.match(await check({ bundle: await signed('no JSON', response), request: 'no JSON' }), /^unsupported/)
    for (const changes of [
      { modelRoot: zeroWord },
      { programId: zeroWord },
      { check: 3 },
      { tokenizerRoot: bundle.receipt.modelRoot },
    ])
      assert.match(
        await check({ bundle: await signed(sent, response, changes) }),
        /^unsupported/,
        JSON.stringify(changes),
      )
  })

  test('streams are read as whole answers are, and garbage is no answer', () => {
    const whole = serve(honest, request, { seed: 3, tokens: 4 })
    const { choices } = JSON.parse(whole) as { choices: { message: object; logprobs: { content: object[] } }[] }
    const { message, logprobs } = choices[0]!
    const events = [{ delta: message }, ...logprobs.content.map((one) => ({ delta: {}, logprobs: { content: [one] } }))]
    const stream = events.map((choice) => `data: ${JSON.stringify({ choices: [choice] })}\n\n`).join('')
    const read = readPrintedAnswer(textToBytes(`${stream}data: [DONE]\n\n`))
    assert.deepEqual(read, readPrintedAnswer(textToBytes(whole)))
    const garbage = [
      '',
      '{',
      'data: {',
      '{}',
      '[]',
      'null',
      '{"choices":[{"logprobs":{"content":[{}]}}]}',
      '{"choices":{}}',
      '{"choices":[null]}',
    ]
    for (const text of garbage) assert.equal(readPrintedAnswer(textToBytes(text)), undefined, text)
    const changes = [
      ...[{ logprobs: false }, { top_logprobs: 4 }, { tools: [{}] }],
      // Each changes what is drawn, or what the model is told.
      ...[{ top_k: 40 }, { min_p: 0.05 }, { repeat_penalty: 1.1 }, { min_tokens: 9 }, { grammar: 'root ::= "a"' }],
      ...[{ chat_template_kwargs: {} }, { messages: [{ role: 'user', content: 'Hi', tool_calls: [] }] }],
    ]
    for (const json of [null, 1, {}, [], ...changes.map((change) => ({ ...request, ...change }))])
      assert.equal(readPrintedRequest(json), undefined, JSON.stringify(json))
    const harmless = { model: 'm', stream: true, stop: ['.'], seed: 3, max_tokens: 9, user: 'u', top_k: 0, min_p: 0 }
    assert.deepEqual(readPrintedRequest({ ...request, ...harmless }), readPrintedRequest(request))
  })
})
