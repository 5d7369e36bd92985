/** The gateway as a router on a whole network: keys with budgets and limits, choice, usage, restarts, two hundred keys at once. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { Gateway, Provider } from '@weightless/compute'
import { abis } from '@weightless/contracts'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tokens } from './computeNet.ts'

const managementKey = 'mk-weightless-test'
const messages = [{ role: 'user', content: 'Count.' }]
const small = { model: 'tiny', messages, max_tokens: 3 }

type Json = Record<string, unknown>
type Made = { id: string; key: string }

let net: ComputeNet
let gateway: Gateway
let cheap: Provider
let dear: Provider

describe('the router on a whole network', () => {
  before(async () => {
    net = await startComputeNet()
    cheap = await net.startProvider({ folder: 'cheap' })
    dear = await net.startProvider({
      folder: 'dear',
      accountIndex: 3,
      inputWeiPerToken: 5_000n,
      outputWeiPerToken: 9_000n,
    })
    await Promise.all([cheap.ready, dear.ready, net.deposit(2, tokens(100))])
    gateway = await open()
  })

  after(() => net.close())

  const open = () => net.startGateway({ managementKey, folder: 'router', limits: { directoryAgeMsMax: 0 } })

  function call(
    path: string,
    key: string,
    options: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
  ) {
    const { body, method = body === undefined ? 'GET' : 'POST', headers = {} } = options
    return fetch(`${gateway.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  const ask = (key: string, body: Json = small, headers: Record<string, string> = {}) =>
    call('/v1/chat/completions', key, { body, headers })

  async function make(policy: Json = {}): Promise<Made> {
    const answer = await call('/v1/keys', managementKey, { body: policy })
    assert.equal(answer.status, 200, await answer.clone().text())
    return (await answer.json()) as Made
  }

  async function codeOf(answer: Response): Promise<string> {
    const { error } = (await answer.json()) as { error?: { code: string } }
    return `${answer.status} ${error?.code ?? 'ok'}`
  }

  const accountOf = async (key: string) => (await call('/v1/account', key)).json() as Promise<Record<string, string>>

  test('keys are made, used, listed without their secret, changed and revoked', async () => {
    const { id, key } = await make({ name: 'app', models: ['tiny'] })
    assert.match(key, /^sk-[0-9a-f]{48}$/)
    assert.equal(await codeOf(await ask(key)), '200 ok')
    const listed = await (await call('/v1/keys', managementKey)).text()
    assert.ok(listed.includes(id) && !listed.includes(key))
    const patched = await call(`/v1/keys/${id}`, managementKey, { method: 'PATCH', body: { models: ['other'] } })
    assert.equal(patched.status, 200)
    assert.equal(await codeOf(await ask(key)), '403 forbidden')
    await call(`/v1/keys/${id}`, managementKey, { method: 'DELETE' })
    assert.equal(await codeOf(await ask(key)), '401 token_revoked')
    const late = await make({ expires_at: 1 })
    assert.equal(await codeOf(await ask(late.key)), '401 token_expired')
    const pinned = await make({ providers: [dear.address] })
    const answer = await ask(pinned.key)
    assert.equal(answer.headers.get('x-0g-provider-address'), dear.address.toLowerCase())
    await answer.json()
  })

  test('a scope allows what it says and nothing else', async () => {
    const reader = await make({ kind: 'management', scopes: ['keys:read'] })
    const creator = await make({ kind: 'management', scopes: ['keys:create'] })
    const accountant = await make({ kind: 'management', scopes: ['account:read'] })
    const cases: [key: string, path: string, body: unknown, expected: string][] = [
      [reader.key, '/v1/keys', undefined, '200 ok'],
      [reader.key, '/v1/keys', {}, '403 forbidden'],
      [reader.key, '/v1/usage', undefined, '403 forbidden'],
      [creator.key, '/v1/keys', {}, '200 ok'],
      [creator.key, '/v1/keys', undefined, '403 forbidden'],
      [creator.key, '/v1/keys', { kind: 'management', scopes: ['keys:create'] }, '403 forbidden'],
      [accountant.key, '/v1/account', undefined, '200 ok'],
      [accountant.key, '/v1/usage', undefined, '200 ok'],
      [accountant.key, '/v1/chat/completions', small, '403 forbidden'],
      [gatewayKey, '/v1/keys', undefined, '403 forbidden'],
      [managementKey, '/v1/keys', { budget_wei: -1 }, '400 invalid_value'],
      [managementKey, '/v1/keys', { nonsense: 1 }, '400 invalid_value'],
      ['mk-wrong', '/v1/keys', undefined, '401 invalid_api_key'],
    ]
    for (const [key, path, body, expected] of cases) {
      assert.equal(
        await codeOf(await call(path, key, body === undefined ? {} : { body })),
        expected,
        `${path} ${JSON.stringify(body)}`,
      )
    }
  })

  test('a budget is a bound that requests at the same time cannot pass, also over a restart', async () => {
    // A request may cost some 302,000 + 6,000 wei and costs a tenth of it.
    const { id, key } = await make({ budget_wei: '700000' })
    const pin = { 'x-0g-provider-address': cheap.address }
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(key, small, pin)))
    const codes = await Promise.all(answers.map(codeOf))
    assert.ok(codes.includes('200 ok') && codes.includes('402 spending_cap_reached'), codes.join())
    await gateway.settled()
    for (let round = 0; round < 40 && codes.at(-1) !== 'full'; round++) {
      codes.push(await codeOf(await ask(key, small, pin)))
      await gateway.settled()
      if (codes.at(-1)!.startsWith('402')) codes.push('full')
    }
    const before = await accountOf(key)
    assert.ok(BigInt(before.spent_wei!) > 0n && BigInt(before.spent_wei!) <= 700_000n, before.spent_wei)
    assert.equal(before.held_wei, '0')
    await gateway.close()
    gateway = await open()
    const after = await accountOf(key)
    assert.deepEqual([after.spent_wei, after.held_wei], [before.spent_wei, '0'])
    assert.equal(await codeOf(await ask(key, small, pin)), '402 spending_cap_reached')
    await call(`/v1/keys/${id}`, managementKey, { method: 'PATCH', body: { budget_wei: null } })
    assert.equal(await codeOf(await ask(key, small, pin)), '200 ok')
  })

  test('limits per minute are told in headers and kept', async () => {
    const { key } = await make({ requests_per_minute: 2, tokens_per_minute: 100_000 })
    const first = await ask(key)
    assert.equal(first.headers.get('x-ratelimit-limit-requests'), '2')
    assert.equal(first.headers.get('x-ratelimit-remaining-requests'), '1')
    assert.equal(first.headers.get('x-ratelimit-limit-tokens'), '100000')
    assert.match(first.headers.get('x-ratelimit-reset-requests') ?? '', /^\d+\.\d{3}s$/)
    await first.json()
    await (await ask(key)).json()
    const third = await ask(key)
    assert.ok(Number(third.headers.get('retry-after')) >= 1)
    assert.equal(await codeOf(third), '429 too_many_requests')
    const { key: few } = await make({ tokens_per_minute: 40 })
    assert.equal(await codeOf(await ask(few)), '200 ok')
    assert.equal(await codeOf(await ask(few)), '429 too_many_requests')
  })

  test('a request is sent where it may go and nowhere else', async () => {
    const providerOf = async (body: Json, headers: Record<string, string> = {}) => {
      const answer = await ask(gatewayKey, { ...small, ...body }, headers)
      const text = await answer.text()
      return answer.status === 200 ? answer.headers.get('x-0g-provider-address') : JSON.parse(text).error.code
    }
    const [low, high] = [cheap.address.toLowerCase(), dear.address.toLowerCase()]
    assert.equal(await providerOf({ provider: { sort: 'price' } }), low)
    assert.equal(await providerOf({ provider: { order: [dear.address] } }), high)
    assert.equal(await providerOf({ provider: { ignore: [cheap.address] } }), high)
    assert.equal(await providerOf({ provider: { only: [dear.address] } }), high)
    for (let i = 0; i < 4; i++) assert.equal(await providerOf({ provider: { max_price: { prompt: '1000' } } }), low)
    assert.equal(await providerOf({ provider: { max_price: { completion: 1 } } }), 'no_available_provider')
    assert.equal(await providerOf({ provider: { data_collection: 'deny' } }), 'invalid_value')
    assert.equal(await providerOf({}, { 'x-0g-provider-trust-mode': 'private' }), 'no_available_provider')
    assert.equal(await providerOf({}, { 'x-0g-provider-trust-mode': 'whatever' }), 'invalid_value')
    assert.equal(await providerOf({}, { 'x-0g-provider-trust-mode': 'verified', 'x-0g-provider-sort': 'price' }), low)
    assert.equal(await providerOf({ model: 'nobody-has-this', models: ['tiny'], provider: { sort: 'price' } }), low)
    const traced = await ask(gatewayKey, small, { 'x-0g-provider-sort': 'price' })
    assert.deepEqual(JSON.parse(traced.headers.get('x-0g-trace')!), {
      sort: 'price',
      rounds: 1,
      attempts: [{ provider: low, model: 'tiny', outcome: 'answering' }],
    })
    await traced.json()
  })

  test('Anthropic’s Messages, whole and as events, refused in their shape', async () => {
    const body = { model: 'tiny', max_tokens: 6, temperature: 0, system: 'Short.', messages }
    const post = (change: Json = {}, headers: Record<string, string> = { 'x-api-key': gatewayKey }) =>
      fetch(`${gateway.url}/v1/messages`, { method: 'POST', headers, body: JSON.stringify({ ...body, ...change }) })
    type Message = { content: { text: string }[]; usage: { output_tokens: number }; stop_reason: string }
    const whole = (await (await post()).json()) as Message
    assert.deepEqual([whole.usage.output_tokens, whole.stop_reason], [6, 'max_tokens'])
    const events = (await (await post({ stream: true })).text())
      .split('\n\n')
      .filter(Boolean)
      .map((event) => JSON.parse(event.slice(event.indexOf('data: ') + 6)))
    const types = events.map(({ type }) => type)
    assert.deepEqual(
      [types[0], types[1], types.at(-2), types.at(-1)],
      ['message_start', 'content_block_start', 'message_delta', 'message_stop'],
    )
    assert.equal(events.map(({ delta }) => delta?.text ?? '').join(''), whole.content[0]?.text)
    assert.equal(events.at(-2).usage.output_tokens, 6)
    const refusals: [Json, Record<string, string> | undefined, string][] = [
      [{ thinking: { type: 'enabled' } }, undefined, '400 invalid_request_error'],
      [{ tools: [{ name: 'f', input_schema: {} }] }, undefined, '400 invalid_request_error'],
      [{ model: 'gpt-4' }, undefined, '404 not_found_error'],
      [{}, { 'x-api-key': 'sk-wrong' }, '401 authentication_error'],
      [{ system: 'x'.repeat(5 * 1024 * 1024) }, undefined, '413 request_too_large'],
    ]
    for (const [change, headers, expected] of refusals) {
      const answer = await post(change, headers)
      const { type, error } = (await answer.json()) as { type: string; error: { type: string } }
      assert.equal(`${type} ${answer.status} ${error.type}`, `error ${expected}`)
    }
  })

  test('usage is what the receipts say, per key, model, provider and day', async () => {
    const { id, key } = await make({ name: 'metered' })
    let [fees, used] = [0n, 0]
    for (const address of [cheap.address, dear.address, dear.address]) {
      const answer = await ask(key, small, { 'x-0g-provider-address': address })
      const { usage } = (await answer.json()) as { usage: { total_tokens: number } }
      used += usage.total_tokens
      const bundle = await call(`/v1/receipts/${answer.headers.get('x-weightless-receipt')}`, key)
      fees += BigInt(((await bundle.json()) as { receipt: { fee: string } }).receipt.fee)
      assert.equal((await call(`/v1/receipts/${answer.headers.get('x-weightless-receipt')}`, gatewayKey)).status, 404)
    }
    await gateway.settled()
    const rowsOf = async (path: string, secret: string) =>
      ((await (await call(path, secret)).json()) as { data: Record<string, string | number>[] }).data
    const rows = await rowsOf('/v1/usage', key)
    assert.deepEqual(rows.map(({ requests }) => requests).sort(), [1, 2])
    assert.equal(
      rows.reduce((sum, row) => sum + Number(row.prompt_tokens) + Number(row.completion_tokens), 0),
      used,
    )
    assert.equal(
      rows.reduce((sum, row) => sum + BigInt(row.spent_wei!), 0n),
      fees,
    )
    assert.deepEqual(await rowsOf(`/v1/usage?key_id=${id}`, managementKey), rows)
    const csv = await (await call('/v1/usage?format=csv', key)).text()
    assert.equal(csv.trim().split('\r\n').length, 3)
    assert.match(csv, /^date,key_id,model,provider,requests,prompt_tokens,completion_tokens,spent_wei\r\n/)
    const account = await accountOf(managementKey)
    assert.ok(BigInt(account.spent_wei!) >= fees && BigInt(account.available_wei!) > 0n)
  })

  test('what was measured is shown, and metrics count', async () => {
    const { data } = (await (await fetch(`${gateway.url}/v1/providers?model_id=tiny`)).json()) as {
      data: Record<string, unknown>[]
    }
    assert.equal(data.length, 2)
    for (const { first_token_ms, state, requests } of data) {
      assert.ok(Number(first_token_ms) > 0 && state === 'closed' && Number(requests) > 0)
    }
    const text = await (await fetch(`${gateway.url}/metrics`)).text()
    const board = readFileSync(new URL('../../docs/gatewayBoard.json', import.meta.url), 'utf8')
    for (const [name] of board.matchAll(/weightless_\w+/g)) assert.ok(text.includes(`\n${name}`), `${name} is shown`)
    for (const name of ['requests', 'answers', 'receipts', 'completion_tokens', 'spent_wei']) {
      assert.ok(Number(new RegExp(`^weightless_gateway_${name}_total (\\d+)`, 'm').exec(text)?.[1]) > 0, name)
    }
  })

  test('two hundred keys at once over one account: each pays its own, and the sum is on the chain', async () => {
    const made = await Promise.all(Array.from({ length: 200 }, () => make({ budget_wei: '10000000' })))
    const answers = await Promise.all(
      made.map(({ key }, index) =>
        ask(key, { ...small, messages: [{ role: 'user', content: `Say ${index}.` }], max_tokens: 2 }),
      ),
    )
    const codes = await Promise.all(answers.map(codeOf))
    assert.deepEqual(new Set(codes), new Set(['200 ok']))
    await gateway.settled()
    const rows = ((await (await call('/v1/usage', managementKey)).json()) as { data: Record<string, string>[] }).data
    const ids = new Set(made.map(({ id }) => id))
    assert.equal(rows.filter(({ key_id }) => ids.has(key_id!)).length, 200)
    const receipted = rows.reduce((sum, row) => sum + BigInt(row.spent_wei!), 0n)
    for (let attempt = 0; attempt < 100; attempt++) {
      if ((await paidOnChain()) === receipted) return
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.equal(await paidOnChain(), receipted)
  })

  async function paidOnChain(): Promise<bigint> {
    let sum = 0n
    for (const provider of [cheap, dear]) {
      const [paid] = await net.ledgerOf(2).read({
        address: contracts.receiptSettlement,
        abi: abis.receiptSettlement,
        functionName: 'pairs',
        args: [net.accountOf(2).address, provider.address],
      })
      sum += paid
    }
    return sum
  }
})
