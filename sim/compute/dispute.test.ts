/** A stranger disputes answers over the network: an honest provider's stands, a changed weight is found and named, silence is told from guilt. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openTensorEngine } from '@weightless/compute'
import { type Bundle, type ChatOpening, hashReceipt, isChatBundle, readBundle } from '@weightless/receipt'
import { isWorkingSigned } from '@weightless/receipt/working'
import type { Client, Dispute } from '@weightless/sdk'
import { bytesSource, readGguf } from '@weightless/tensor'
import { clientOf } from './clientOf.ts'
import { type ComputeNet, gatewayKey, startComputeNet, tokens } from './computeNet.ts'
import { weights } from './exactStage.ts'

const headers = { authorization: `Bearer ${gatewayKey}`, 'content-type': 'application/json' }
const seed = Number(process.env.WEIGHTLESS_SEED ?? 7)

/** A bit of the scale of a block of a matrix that every position uses, drawn from the seed. */
async function changedWeights(): Promise<{ changed: Uint8Array; tensor: string }> {
  const { tensors } = await readGguf(bytesSource(weights))
  const matrices = [...tensors.values()].filter(({ name }) => /^blk\.\d+\.(attn_[qkv]|ffn_\w+)\.weight$/.test(name))
  const tensor = matrices[(seed * 2_654_435_761) % matrices.length]!
  const changed = weights.slice()
  changed[tensor.offset]! ^= 0x10
  return { changed, tensor: tensor.name }
}

describe('a dispute over the network', () => {
  let net: ComputeNet
  let stranger: Client
  let bundleOf: (model: string) => Promise<Bundle<ChatOpening>>
  const urls: Record<string, string> = {}

  before(async () => {
    net = await startComputeNet()
    stranger = clientOf(net, 7)
    const { changed } = await changedWeights()
    const { env } = net
    const honest = await openTensorEngine({ env, name: 'probe', weights: weights.slice() })
    const identity = honest.model
    await honest.close()
    const engines = {
      honest: () => openTensorEngine({ env, name: 'honest', weights: weights.slice(), file: bytesSource(weights) }),
      /** Runs other weights than it claims, and works from them in a dispute too. */
      changed: () => openTensorEngine({ env, name: 'changed', weights: changed.slice(), file: bytesSource(changed) }),
      /** The same, but shows workings of the claimed weights. */
      covering: () => openTensorEngine({ env, name: 'covering', weights: changed.slice(), file: bytesSource(weights) }),
      silent: () => openTensorEngine({ env, name: 'silent', weights: changed.slice() }),
    }
    for (const [index, [name, open]] of Object.entries(engines).entries()) {
      const openEngine = async () => {
        const engine = await open()
        return { ...engine, model: { ...identity, name } }
      }
      const provider = await net.startProvider({ accountIndex: 3 + index, folder: name, openEngine })
      await provider.ready
      urls[name] = provider.url
    }
    await net.deposit(2, tokens(100))
    const gateway = await net.startGateway({ limits: { directoryAgeMsMax: 0 } })
    urls.gateway = gateway.url
    bundleOf = async (model) => {
      const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 5, seed: 3 })
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body })
      assert.equal(answer.status, 200, await answer.text())
      const id = answer.headers.get('x-weightless-receipt')
      const read = readBundle(await (await fetch(`${gateway.url}/v1/receipts/${id}`, { headers })).json())
      assert.ok(read.ok && isChatBundle(read.value))
      return read.value
    }
  })

  after(() => net.close())

  const dispute = (bundle: Bundle, providerUrl: string): Promise<Dispute> =>
    stranger.receipts.dispute(bundle, { providerUrl, loadWeights: async () => weights })

  function requireGuilty(bundle: Bundle, outcome: Dispute) {
    assert.ok(outcome.outcome === 'guilty', JSON.stringify(outcome))
    const { root } = outcome
    assert.ok(root, 'no signed root')
    const { signature, ...word } = root
    assert.ok(isWorkingSigned(bundle.receipt, { choice: 0, ...word }, bundle.settlement, signature))
    const other = { choice: 0, ...word, operator: word.operator + 1 }
    assert.equal(isWorkingSigned(bundle.receipt, other, bundle.settlement, signature), false)
    return outcome
  }

  test('an honest provider wins', async () => {
    const outcome = await dispute(await bundleOf('honest'), urls.honest!)
    // The roots agree, so there is nothing to ask.
    assert.deepEqual(outcome, { outcome: 'agreed', questions: 0 })
  })

  test('a changed weight is found and named', async (t) => {
    const bundle = await bundleOf('changed')
    const { finding, accusation, questions } = requireGuilty(bundle, await dispute(bundle, urls.changed!))
    assert.equal(accusation.kind, 'word')
    const { tensor } = await changedWeights()
    const layer = /^blk\.(\d+)\./.exec(tensor)![1]
    assert.match(finding.operator, new RegExp(`layer ${layer} `))
    t.diagnostic(`${tensor}: ${finding.operator}, ${finding.what} ${finding.element}, ${questions} questions`)
  })

  test('who covers a changed weight with an honest working contradicts its own commitment', async () => {
    const bundle = await bundleOf('covering')
    const { accusation } = requireGuilty(bundle, await dispute(bundle, urls.covering!))
    assert.equal(accusation.kind, 'bound')
  })

  test('who does not answer has withheld, and is not found guilty', async () => {
    const bundle = await bundleOf('silent')
    assert.equal((await dispute(bundle, urls.silent!)).outcome, 'withheld')
    assert.equal((await dispute(await bundleOf('changed'), 'http://127.0.0.1:1')).outcome, 'withheld')
  })

  test('a question without the opening has no answer, nor has one about what is not there', async () => {
    const { receipt, opening, settlement } = await bundleOf('honest')
    const id = hashReceipt(receipt, settlement)
    const ask = async (url: string, body: unknown) =>
      (await fetch(`${url}/v1/receipts/${id}/dispute`, { method: 'POST', headers, body: JSON.stringify(body) })).status
    const question = { ask: 'root', position: 0, operator: 1 }
    const right = { salt: opening.salt, choice: 0, question }
    assert.equal(await ask(urls.honest!, right), 200)
    assert.equal(await ask(urls.gateway!, right), 200)
    assert.equal(await ask(urls.honest!, { ...right, salt: `0x${'00'.repeat(32)}` }), 404)
    assert.equal(await ask(urls.honest!, { ...right, question: { ...question, operator: 9_999 } }), 404)
    assert.equal(await ask(urls.honest!, { ...right, question: { ask: 'everything' } }), 400)
    assert.equal(await ask(urls.honest!, { ...right, padding: 'x'.repeat(2_000) }), 413)
  })
})
