/** The public formats: what others send is read, what is broken or hostile is refused and never thrown. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { signerOfDigest } from '@weightless/receipt'
import fc from 'fast-check'
import { privateKeyToAccount } from 'viem/accounts'
import { errorResponse } from './apiError.ts'
import { readChatRequest } from './chatRequest.ts'
import { decodeTerms, encodeTerms, hashVoucher, readVoucher, signVoucher, voucherToJson } from './payment.ts'
import { readResponsesRequest } from './responsesRequest.ts'
import { readSdkToken, signSdkToken } from './sdkToken.ts'

const vector = JSON.parse(
  readFileSync(new URL('../../../../vectors/compute/sdkTokens.json', import.meta.url), 'utf8'),
) as { address: string; provider: string; tokens: string[] }
const account = privateKeyToAccount(`0x${'17'.repeat(32)}`)
const word = `0x${'ab'.repeat(32)}` as const
const place = { chainId: 31337n, settlement: `0x${'51'.repeat(20)}` } as const

test('tokens of the existing SDK are read; one flipped character anywhere is refused', async () => {
  for (const token of vector.tokens) {
    const read = readSdkToken(token)
    assert.ok(read.ok)
    assert.equal(read.value.address, vector.address.toLowerCase())
    assert.equal(read.value.provider, vector.provider.toLowerCase())
    for (let at = 0; at < token.length; at += 7) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
      const verdict = readSdkToken(changed)
      assert.ok(!verdict.ok || JSON.stringify(verdict.value) === JSON.stringify(read.value), `position ${at}`)
    }
  }
})

test('our own tokens have the SDK’s form', async () => {
  const ours = await signSdkToken(
    {
      address: account.address,
      provider: account.address,
      timestamp: 1,
      expiresAt: 0,
      nonce: 'n',
      generation: 2,
      tokenId: 3,
    },
    account,
  )
  const keysOf = (token: string) => Object.keys(JSON.parse(atob(token.slice('app-sk-'.length)).split('|')[0]!))
  assert.deepEqual(keysOf(ours), keysOf(vector.tokens[0]!))
  assert.ok(readSdkToken(ours).ok)
})

test('hostile tokens, terms and vouchers are verdicts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), async (text) => {
      assert.ok(!readSdkToken(`app-sk-${btoa(encodeURIComponent(text))}`).ok)
      assert.ok(!decodeTerms(text).ok)
    }),
  )
  fc.assert(fc.property(fc.jsonValue(), (value) => !readVoucher(value).ok))
})

test('terms and vouchers survive the wire, and the signature is over every field', async () => {
  const pair = { user: `0x${'01'.repeat(20)}`, provider: `0x${'02'.repeat(20)}`, jobNonce: 7n } as const
  const authorization = { ...pair, requestHash: word, priceId: word, maxFee: 5n, deadline: 9n }
  const terms = { authorization, signature: `0x${'00'.repeat(65)}` as const, salt: word, nonce: word }
  const decoded = decodeTerms(encodeTerms(terms))
  assert.deepEqual(decoded, { ok: true, value: terms })
  const voucher = { ...pair, cumulativeFee: 10n, receiptsRoot: word }
  const signature = await signVoucher(voucher, place, account)
  const note = { voucher, signature, receipts: [word] }
  assert.deepEqual(readVoucher(JSON.parse(voucherToJson(note))), { ok: true, value: note })
  assert.equal(signerOfDigest(hashVoucher(voucher, place), signature), account.address.toLowerCase())
  for (const change of [{ cumulativeFee: 11n }, { jobNonce: 8n }, { receiptsRoot: `0x${'cd'.repeat(32)}` as const }]) {
    const other = signerOfDigest(hashVoucher({ ...voucher, ...change }, place), signature)
    assert.notEqual(other, account.address.toLowerCase())
  }
})

test('requests in every spelling give one form', () => {
  const messages = [
    {
      role: 'developer',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    },
  ]
  const read = readChatRequest({
    model: 'm',
    messages,
    stop: 'x',
    max_tokens: 3,
    n: 1,
    tools: [],
    user: 'u',
    seed: null,
  })
  assert.deepEqual(read, {
    ok: true,
    value: {
      model: 'm',
      messages: [{ role: 'system', content: 'ab' }],
      stream: false,
      includeUsage: false,
      maxTokens: 3,
      temperature: 1,
      topP: 1,
      stop: ['x'],
      seed: undefined,
      logprobs: false,
      topLogprobs: 0,
      adjustments: {},
    },
  })
  const both = readChatRequest({ model: 'm', messages, max_tokens: 3, max_completion_tokens: 5 })
  assert.equal(both.ok && both.value.maxTokens, 5)
})

test('any JSON is read or refused with a field and a code, never thrown', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (body) => {
      const read = readChatRequest(body)
      assert.ok(!read.ok && read.error)
      const { status, body: text } = errorResponse(read.error)
      assert.equal(status, 400)
      assert.equal(JSON.parse(text as string).error.code, read.error.code)
    }),
  )
  const good = { model: 'm', messages: [{ role: 'user', content: 'x' }] }
  const lone = readChatRequest({ ...good, messages: [{ role: 'user', content: '\ud800' }] })
  assert.equal(lone.ok ? '' : lone.code, 'unsupported_content')
  assert.ok(!readChatRequest({ ...good, __proto__x: 1 }).ok)
  assert.ok(!readChatRequest(JSON.parse('{"model":"m","messages":[{"role":"user","content":"x"}],"constructor":1}')).ok)
})

test('a schema or a list of tools nested deeper than the stack is refused by name, never thrown', () => {
  const good = { model: 'm', messages: [{ role: 'user', content: 'x' }] }
  const nest = (levels: number) => JSON.parse(`${'{"not":'.repeat(levels)}{}${'}'.repeat(levels)}`)
  for (const levels of [1_100, 200_000]) {
    const schema = nest(levels)
    const format = { type: 'json_schema', json_schema: { name: 'a', schema } }
    const tools = [{ type: 'function', function: { name: 'f', parameters: schema } }]
    const inText = { text: { format: { type: 'json_schema', name: 'a', schema } } }
    for (const [param, read] of [
      ['response_format', readChatRequest({ ...good, response_format: format })],
      ['tools', readChatRequest({ ...good, tools })],
      ['text.format', readResponsesRequest({ model: 'm', input: 'x', ...inText })],
      ['tools', readResponsesRequest({ model: 'm', input: 'x', tools: [{ type: 'function', ...tools[0]!.function }] })],
    ] as const) {
      const error = read.ok ? undefined : read.error
      assert.ok(error?.param === param && error.message.includes('nests deeper'), `${levels} ${param}`)
    }
  }
})

test('a response with calls and functions is read as the chat that has them', () => {
  const call = (name: string) => ({ type: 'function_call', id: 'fc_1', call_id: `call_${name}`, name, arguments: '{}' })
  const result = (name: string, output: unknown) => ({ type: 'function_call_output', call_id: `call_${name}`, output })
  const said = { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'I look.', logprobs: [] }] }
  const parameters = { type: 'object', properties: { a: { type: 'string' } } }
  const response = readResponsesRequest({
    model: 'm',
    input: [
      { role: 'user', content: 'x' },
      ...[said, call('a'), call('b')],
      ...[result('a', '1'), result('b', [{ type: 'input_text', text: '2' }])],
      ...[call('a'), result('a', '3')],
    ],
    tools: [{ type: 'function', name: 'a', description: null, parameters, strict: true }],
    tool_choice: { type: 'function', name: 'a' },
    parallel_tool_calls: false,
  })
  const chatCall = (name: string) => ({ id: `call_${name}`, type: 'function', function: { name, arguments: '{}' } })
  const chat = readChatRequest({
    model: 'm',
    messages: [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: 'I look.', tool_calls: [chatCall('a'), chatCall('b')] },
      { role: 'tool', tool_call_id: 'call_a', content: '1' },
      { role: 'tool', tool_call_id: 'call_b', content: '2' },
      { role: 'assistant', tool_calls: [chatCall('a')] },
      { role: 'tool', tool_call_id: 'call_a', content: '3' },
    ],
    tools: [{ type: 'function', function: { name: 'a', parameters, strict: true } }],
    tool_choice: { type: 'function', function: { name: 'a' } },
    parallel_tool_calls: false,
  })
  assert.ok(response.ok && chat.ok)
  assert.deepEqual(response.value, { ...chat.value, includeUsage: true })
})

test('bookkeeping, texts and choices nested deeper than the stack are refused by name: they are written again', () => {
  const nest = (levels: number) => JSON.parse(`${'[['.repeat(levels)}${']]'.repeat(levels)}`)
  const message = { role: 'user', content: 'x' }
  const read = (change: object) => readResponsesRequest({ model: 'm', input: [message], ...change })
  const deep = nest(100_000)
  for (const change of [{ metadata: deep }, { user: { a: deep } }, { input: [{ ...message, id: deep }] }]) {
    const verdict = read(change)
    const error = verdict.ok ? undefined : verdict.error
    assert.ok(error?.param === Object.keys(change)[0] && error?.message.includes('nests deeper'))
  }
  assert.ok(read({ metadata: nest(32) }).ok && !read({ metadata: nest(33) }).ok)
})
