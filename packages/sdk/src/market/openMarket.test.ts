/** Offers, usage and spending are read from a gateway's answers, and what is missing or foreign in them does no harm. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientContext } from '../clientContext.ts'
import { openMarket } from './openMarket.ts'

function marketOver(answers: { [path: string]: unknown }) {
  const asked: string[] = []
  const fetch = async (url: string) => {
    const path = url.slice('http://gateway'.length)
    asked.push(path)
    return { status: 200, headers: {}, json: async () => answers[path] }
  }
  const context = { config: { compute: { gatewayUrl: 'http://gateway' } }, env: { network: { fetch } }, apiKey: 'sk' }
  return { market: openMarket(context as unknown as ClientContext), asked }
}

test('offers', async () => {
  const card = {
    ...{ id: 'm', provider: '0x01', url: 'http://p', exact: true, services: ['chat'], context_length: 8192 },
    ...{ pricing: { prompt: '1000', completion: '2000' }, state: 'healthy', first_token_ms: 12.5, error_rate: 0 },
  }
  const { market, asked } = marketOver({ '/v1/providers?model_id=a%2Fb': { data: [card, null, {}] } })
  const [offer, empty] = await market.offers('a/b')
  assert.equal(offer!.outputWeiPerToken, 2000n)
  assert.equal(offer!.health.firstTokenMs, 12.5)
  assert.equal(empty!.health.firstTokenMs, undefined)
  assert.deepEqual(asked, ['/v1/providers?model_id=a%2Fb'])
})

test('usage and spending', async () => {
  const row = {
    date: '2026-11-28',
    model: 'm',
    provider: '0x01',
    requests: 2,
    prompt_tokens: '3',
    completion_tokens: 4,
  }
  const { market } = marketOver({
    '/v1/usage?days=7': { data: [{ ...row, spent_wei: '5' }] },
    '/v1/account': {
      address: '0x02',
      available_wei: '10',
      total_wei: 11,
      spent_wei: '1',
      held_wei: '0',
      left_wei: null,
    },
  })
  assert.deepEqual(await market.usage(7), [
    {
      date: '2026-11-28',
      model: 'm',
      provider: '0x01',
      requests: 2,
      promptTokens: 3,
      completionTokens: 4,
      spentWei: 5n,
    },
  ])
  assert.deepEqual(await market.spending(), {
    ...{ address: '0x02', availableWei: 10n, totalWei: 11n, spentWei: 1n, heldWei: 0n, leftWei: undefined },
  })
})
