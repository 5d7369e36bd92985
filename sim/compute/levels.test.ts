/** What a user can have checked: levels that she buys at the gateway, with planted cheats, and fingerprints of an upstream. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { type Gateway, openUpstreamEngine, type Provider } from '@weightless/compute'
import type { VerificationLevel } from '@weightless/compute/wire'
import { fileRoot } from '@weightless/crypto'
import { GatewayRefusedError } from '@weightless/sdk'
import { type Cheat, openCheatingEngine } from '../../packages/compute/scripts/cheat.ts'
import { openModel, type ServedRequest, serve } from '../../packages/receipt/src/fingerprint/printedAnswer.cases.ts'
import { clientOf } from './clientOf.ts'
import { type ComputeNet, startComputeNet, tokens } from './computeNet.ts'
import { headers, weights } from './exactStage.ts'
import { startMockUpstream } from './mockUpstream.ts'

type Said = {
  outcome: string
  detection: number
  fee_wei: string
  receipt: string
  answers: { provider: string; receipt: string; outcome: string }[]
}

const root = bytesToHex(fileRoot(weights))
const ownWeights = {
  has: async (wanted: string) => wanted === root,
  load: async () => weights.slice(),
}

describe('levels of checking', () => {
  let net: ComputeNet
  let gateway: Gateway
  let bare: Gateway
  const providers: Record<string, Provider> = {}

  before(async () => {
    net = await startComputeNet()
    const cheating = (cheat: Cheat) => () => openCheatingEngine({ env: net.env, name: 'tiny', weights, cheat })
    providers.one = await net.startProvider({ folder: 'one', accountIndex: 1 })
    providers.two = await net.startProvider({ folder: 'two', accountIndex: 3 })
    providers.cheat = await net.startProvider({
      folder: 'cheat',
      accountIndex: 4,
      openEngine: cheating('weight-ulp'),
    })
    await Promise.all([...Object.values(providers).map(({ ready }) => ready), net.deposit(2, tokens(100))])
    gateway = await net.startGateway({ folder: 'judging', limits: { directoryAgeMsMax: 0 }, weights: ownWeights })
    bare = await net.startGateway({ folder: 'bare', limits: { directoryAgeMsMax: 0 } })
  })

  after(() => net.close())

  async function ask(at: Gateway, among: string[], level: string, more: object = {}) {
    const only = among.map((name) => providers[name]!.address)
    const messages = [{ role: 'user', content: 'Count.' }]
    const response = await fetch(`${at.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...headers, 'x-weightless-verification': level },
      body: JSON.stringify({ model: 'tiny', messages, max_tokens: 4, provider: { only }, ...more }),
    })
    const text = await response.text()
    const header = response.headers.get('x-weightless-verification')
    const said = header ? (JSON.parse(header) as Said) : undefined
    return { status: response.status, text, said, by: response.headers.get('x-0g-provider-address') }
  }

  const codeOf = (text: string) => (JSON.parse(text) as { error: { code: string } }).error.code

  async function checkOf(at: Gateway, receipt: string) {
    const answer = await fetch(`${at.url}/v1/receipts/${receipt}/check`, { headers })
    return (await answer.json()) as { outcome: string; detail: string | null }
  }

  for (const stream of [false, true]) {
    test(`two that agree deliver one answer and bill two, ${stream ? 'streamed' : 'whole'}`, async () => {
      const { status, text, said } = await ask(bare, ['one', 'two'], 'refereed', { stream })
      assert.equal(status, 200, text)
      assert.equal(said!.outcome, 'agreed')
      assert.deepEqual(said!.answers.map(({ provider }) => provider).toSorted(), addresses('one', 'two'))
      const fees = await Promise.all(said!.answers.map(({ receipt }) => feeOf(bare, receipt)))
      assert.equal(fees[0], fees[1])
      assert.equal(BigInt(said!.fee_wei), fees[0]! + fees[1]!)
      if (stream) assert.match(text, /data: \[DONE\]\s*$/)
    })
  }

  const addresses = (...names: string[]) => names.map((name) => providers[name]!.address.toLowerCase()).toSorted()

  async function feeOf(at: Gateway, receipt: string): Promise<bigint> {
    const bundle = await (await fetch(`${at.url}/v1/receipts/${receipt}`, { headers })).json()
    return BigInt((bundle as { receipt: { fee: string } }).receipt.fee)
  }

  test('where two differ and nobody can judge, no answer is delivered, and both receipts are named', async () => {
    for (const level of ['refereed', 'full']) {
      const { status, text, said } = await ask(bare, ['one', 'cheat'], level)
      assert.deepEqual([status, codeOf(text), said!.outcome], [502, 'answers_differ', 'differs'])
      for (const { receipt } of said!.answers) assert.equal((await checkOf(bare, receipt)).outcome, 'differs')
    }
  })

  test('the referee tells who is right, and whoever is not is not asked again', async () => {
    const judging = await net.startGateway({ folder: 'once', limits: { directoryAgeMsMax: 0 }, weights: ownWeights })
    const { status, text, said, by } = await ask(judging, ['one', 'cheat'], 'refereed')
    assert.deepEqual([status, said!.outcome, by], [200, 'decided', providers.one!.address.toLowerCase()], text)
    const cheated = said!.answers.find(({ outcome }) => outcome === 'differs')!
    assert.equal(cheated.provider, providers.cheat!.address.toLowerCase())
    assert.match((await checkOf(judging, cheated.receipt)).detail!, /expected/)
    assert.equal((await ask(judging, ['one', 'cheat'], 'refereed')).status, 503)
  })

  test('all of three must agree, and a cheat among them stops the answer', async () => {
    const { status, text } = await ask(gateway, ['one', 'two', 'cheat'], 'full; copies=3')
    assert.deepEqual([status, codeOf(text)], [502, 'answers_differ'])
  })

  test('a sampled answer is executed again after it was delivered, and a cheat is found', async () => {
    const honest = await ask(gateway, ['one'], 'sampled; share=1')
    assert.deepEqual([honest.status, honest.said!.outcome, honest.said!.detection], [200, 'pending', 1])
    const never = await ask(gateway, ['one'], 'sampled; share=0.000000000001')
    const cheated = await ask(gateway, ['cheat'], 'sampled; share=1')
    await gateway.settled()
    assert.equal((await checkOf(gateway, honest.said!.receipt)).outcome, 'agreed')
    assert.equal((await checkOf(gateway, never.said!.receipt)).outcome, 'not-drawn')
    const found = await checkOf(gateway, cheated.said!.receipt)
    assert.equal(found.outcome, 'differs')
    assert.match(found.detail!, /^(trace|token|operator)/)
    // Found out: it is asked no more.
    assert.equal((await ask(gateway, ['cheat'], 'none')).status, 503)
  })

  test('a level that cannot be had is refused, never lowered', async () => {
    assert.equal((await ask(bare, ['one'], 'sampled; share=0.5')).status, 503, 'no weights')
    assert.equal((await ask(bare, ['one'], 'refereed')).status, 503, 'one provider')
    assert.equal((await ask(bare, ['one', 'two'], 'full; copies=3')).status, 503, 'two providers')
    for (const level of [
      'refereed; copies=2',
      'full; copies=1',
      'sampled; share=0',
      'sampled; share=2',
      'Full',
      'half',
    ])
      assert.equal((await ask(bare, ['one', 'two'], level)).status, 400, level)
    const only = addresses('one', 'two')
    const other = await ask(bare, [], 'refereed', { provider: { only, verification: { level: 'none' } } })
    assert.equal(other.status, 400, 'header and body')
    const sealed = await ask(bare, ['one', 'two'], 'refereed', { _e2ee: { signer_addr: only[0] } })
    assert.equal(sealed.status, 503, 'sealed')
  })

  test('the levels say what they cost and find', async () => {
    const levels = async (at: Gateway) => {
      const { data } = (await (await fetch(`${at.url}/v1/verification?model_id=tiny`)).json()) as {
        data: {
          level: string
          answers: number
          detection: number
          offered: boolean
          pricing: { prompt: string } | null
        }[]
      }
      return Object.fromEntries(data.map((one) => [one.level, one]))
    }
    const [judging, plain] = [await levels(gateway), await levels(bare)]
    assert.deepEqual([judging.sampled!.offered, plain.sampled!.offered], [true, false])
    assert.deepEqual([plain.none!.pricing!.prompt, plain.refereed!.pricing!.prompt], ['1000', '2000'])
    assert.deepEqual([plain.none!.detection, plain.refereed!.detection, plain.full!.answers], [0, 1, 3])
  })

  test('the SDK compares receipts and executes samples itself', async () => {
    const client = clientOf(net, 2, bare.url)
    const request = { model: 'tiny', messages: [{ role: 'user' as const, content: 'Count.' }], maxTokens: 4 }
    const loadWeights = async () => weights.slice()
    const complete = (verification: VerificationLevel, name = 'one') =>
      client.chat.complete(
        { ...request, verification, ...(verification.level === 'sampled' && { provider: providers[name]!.address }) },
        { loadWeights },
      )
    const sampled = await complete({ level: 'sampled', share: 1 })
    assert.deepEqual([sampled.check.outcome, sampled.check.bundles.length], ['agreed', 1])
    assert.equal((await complete({ level: 'sampled', share: 1 }, 'cheat')).check.outcome, 'differs')
    // Three providers, of which two are drawn: they agree, or nobody at this gateway can say who is right.
    const outcomes = new Set<string>()
    for (let run = 0; run < 40 && outcomes.size < 2; run++) {
      const answer = await complete({ level: 'refereed' }).catch((fault: unknown) => {
        assert.ok(fault instanceof GatewayRefusedError, String(fault))
        return undefined
      })
      const addressesOf = answer?.check.bundles.map(({ receipt }) => receipt.provider)
      if (answer) assert.deepEqual(addressesOf!.toSorted(), addresses('one', 'two'))
      if (answer) assert.equal(answer.check.outcome, 'agreed')
      outcomes.add(answer ? 'agreed' : 'refused')
    }
    assert.deepEqual([...outcomes].toSorted(), ['agreed', 'refused'])
  })

  test('an upstream that names its model signs fingerprints, which its user weighs', async () => {
    const model = await openModel()
    const upstream = await startMockUpstream([{ id: 'printed', max_model_len: 128 }])
    upstream.behave(({ json }, response) => {
      const body = serve(model, { ...(json as ServedRequest), top_logprobs: 20 }, { seed: 3, tokens: 24 })
      const { choices, usage: used } = JSON.parse(body) as {
        choices: { message: object; logprobs: object }[]
        usage: object
      }
      const { message, logprobs } = choices[0]!
      const choice = { index: 0, delta: message, finish_reason: 'length', ...(json.logprobs === true && { logprobs }) }
      const events = [{ choices: [choice] }, { choices: [], usage: used }]
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(`${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}data: [DONE]\n\n`)
    })
    const fingerprint = { modelRoot: root, logprobs: 'model' as const, words: {} }
    const { env } = net
    const openEngine = () =>
      openUpstreamEngine({ env, url: upstream.url, name: 'printed', services: ['chat'], fingerprint })
    const provider = await net.startProvider({ folder: 'printed', accountIndex: 5, openEngine })
    await provider.ready
    const client = clientOf(net, 2, bare.url)
    const messages = [{ role: 'user' as const, content: 'Count.' }]
    const request = { model: 'printed', messages, maxTokens: 24, temperature: 0.8, topP: 1 }
    const { bundle, exchange } = await client.chat.complete({ ...request, fingerprint: true })
    assert.deepEqual([bundle!.receipt.check, bundle!.receipt.modelRoot], [2, root])
    const weigh = (of: typeof bundle) =>
      client.receipts.verify(of!, { exchange: exchange!, loadWeights: async () => weights.slice() })
    const verdict = await weigh(bundle)
    assert.ok(verdict.accepted && !verdict.reExecuted && verdict.fingerprint, JSON.stringify(verdict))
    // Nobody asked for log-probabilities: nothing is promised. The receipt is about bytes, and those are compared.
    const unprinted = await client.chat.complete(request)
    assert.deepEqual([unprinted.bundle!.receipt.check, unprinted.exchange], [0, undefined])
    const plain = await ask(bare, [], 'none', {
      model: 'printed',
      stream: true,
      provider: { only: [provider.address] },
    })
    assert.equal(plain.status, 200, plain.text)
    await bare.settled()
    assert.equal((await ask(bare, [], 'refereed', { model: 'printed', provider: {} })).status, 503, 'not exact')
    await upstream.close()
  })
})
