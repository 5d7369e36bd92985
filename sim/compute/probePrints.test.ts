/** What a server's log-probabilities are of, found out at a provider's start: four kinds, words of its sampler, and servers whose answers nobody could weigh. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createNodeEnv } from '@weightless/env/node'
import type { Model } from '@weightless/tensor'
import { probePrints } from '../../packages/node/src/computeProvider/probePrints.ts'
import {
  openModel,
  type Served,
  type ServedRequest,
  serve,
} from '../../packages/receipt/src/fingerprint/printedAnswer.cases.ts'
import { logprobKinds } from '../../packages/receipt/src/fingerprint/printProgram.ts'
import { tinyModel } from './computeNet.ts'
import { type MockUpstream, sendJson, startMockUpstream } from './mockUpstream.ts'

const file = fileURLToPath(tinyModel)
type Words = { top_k?: number; min_p?: number; max_tokens: number; seed?: number }

describe('the probe of a server’s fingerprints', () => {
  const env = createNodeEnv({ log: 'silent', dataFolder: '.' })
  let model: Model
  let upstream: MockUpstream

  before(async () => {
    model = await openModel()
    upstream = await startMockUpstream()
  })
  after(async () => {
    await upstream.close()
    await env.close()
  })

  /** @param refuses - words of the request that it knows nothing of */
  function behave(
    served: Omit<Served, 'seed'>,
    { refuses = [] as string[], change = (body: object): object => body } = {},
  ) {
    upstream.behave(({ json }, response) => {
      const { top_k: topK = served.topK, max_tokens: tokens, seed = 1 } = json as Words
      const unknown = refuses.find((word) => word in json)
      if (unknown) return sendJson(response, { error: { message: `${unknown}?` } }, 400)
      const own = topK === 0 ? {} : { topK: topK ?? model.tokenizer.vocabSize }
      const body = serve(model, json as ServedRequest, {
        ...served,
        topK: model.tokenizer.vocabSize,
        ...own,
        seed,
        tokens,
      })
      sendJson(response, change(JSON.parse(body)))
    })
  }
  const probe = (more = {}) => probePrints(env, { url: upstream.url, model: 'mock', file, ...more })

  for (const kind of logprobKinds)
    test(`${kind} is told from the others`, async () => {
      behave({ kind })
      assert.equal((await probe()).logprobs, kind)
    })

  test('a sampler’s own cut is switched off, or, where it cannot be, nothing is sold', async () => {
    behave({ topK: 4 })
    assert.deepEqual((await probe()).words, { top_k: 0, min_p: 0, repeat_penalty: 1, repetition_penalty: 1 })
    behave({}, { refuses: ['top_k'] })
    assert.deepEqual((await probe()).words, {})
    behave({ topK: 4 }, { refuses: ['top_k'] })
    await assert.rejects(probe(), /no fingerprint that agrees: the tokens are -.* standard deviations/)
  })

  test('another file, another prompt, too few alternatives and no log-probabilities are each named', async () => {
    behave({})
    const other = fileURLToPath(new URL('../../packages/tensor/models/weightless-bard-1m.gguf', import.meta.url))
    await assert.rejects(probe({ file: other }), /no fingerprint that agrees/)
    behave({ noise: 3 })
    await assert.rejects(probe(), /nats from the model's/)
    behave({}, { change: (body) => ({ ...body, choices: [{ message: { content: 'Yes.' } }] }) })
    await assert.rejects(probe(), /shows no log-probabilities/)
    behave({}, { refuses: ['logprobs'] })
    await assert.rejects(probe(), /refuses a chat that asks for log-probabilities/)
    upstream.behave((_, response) => sendJson(response, {}, 500))
    await assert.rejects(probe(), /it answers 500/)
  })

  test('where the operator says the kind, only the words are looked for', async () => {
    behave({ noise: 3 }, { refuses: ['min_p'] })
    const { logprobs, words } = await probe({ logprobs: 'drawn' })
    assert.deepEqual([logprobs, words], ['drawn', {}])
  })
})
