/** The deterministic encoder as a provider: OpenAI's embeddings through the gateway, refused, paid, and made again. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { type Gateway, openEncoderEngine, type Provider } from '@weightless/compute'
import { genesis } from '@weightless/contracts'
import {
  type BodyOpening,
  type Bundle,
  bodyOutputHash,
  feeOf,
  inputHash,
  isBodyBundle,
  type Receipt,
  readBundle,
  signReceipt,
  verifyBundle,
} from '@weightless/receipt'
import { createClient, verifyEmbeddings } from '@weightless/sdk'
import { openEncoder, shorten } from '@weightless/tensor'
import { makeTinyEncoder } from '@weightless/tensor/encoder/tinyEncoder.cases'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tokens } from './computeNet.ts'

const { files } = makeTinyEncoder()
const path = '/v1/embeddings'

type Answer = {
  object: string
  data: { object: string; index: number; embedding: number[] | string }[]
  model: string
  usage: { prompt_tokens: number; total_tokens: number }
}

let net: ComputeNet
let provider: Provider
let gateway: Gateway

describe('a provider of embeddings', () => {
  before(async () => {
    net = await startComputeNet()
    const openEngine = () => openEncoderEngine({ env: net.env, name: 'tiny-encoder', files })
    provider = await net.startProvider({ folder: 'encoder', openEngine, outputWeiPerToken: 0n })
    const chats = await net.startProvider({ folder: 'chats', accountIndex: 3 })
    await Promise.all([provider.ready, chats.ready, net.deposit(2, tokens(100))])
    gateway = await net.startGateway({ folder: 'router', limits: { directoryAgeMsMax: 0 } })
  })

  after(() => net.close())

  const authorized = { authorization: `Bearer ${gatewayKey}` }

  const post = (body: unknown, to = path, signal?: AbortSignal) =>
    fetch(`${gateway.url}${to}`, {
      method: 'POST',
      headers: { ...authorized, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    })

  const embed = async (input: unknown, more: object = {}): Promise<Answer> => {
    const answer = await post({ model: 'tiny-encoder', input, ...more })
    assert.equal(answer.status, 200, await answer.clone().text())
    return (await answer.json()) as Answer
  }

  const floats = (text: string): number[] => {
    const bytes = Buffer.from(text, 'base64')
    return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4))
  }

  test('texts, tokens and encodings give the engine’s own vectors, in order', async () => {
    const encoder = await openEncoder(files)
    const texts = ['the abs, ab.', 'b', '北 e '.repeat(60), 'the']
    const wanted = texts.map((text) => [...encoder.embed([encoder.tokensOf(text)])[0]!])
    const plain = await embed(texts)
    assert.deepEqual(
      plain.data.map(({ embedding }) => embedding),
      wanted,
    )
    assert.deepEqual(
      plain.data.map(({ index, object }) => [index, object]),
      [0, 1, 2, 3].map((i) => [i, 'embedding']),
    )
    const count = texts.reduce((sum, text) => sum + encoder.tokensOf(text).length, 0)
    assert.deepEqual([plain.model, plain.usage], ['tiny-encoder', { prompt_tokens: count, total_tokens: count }])
    const coded = await embed(texts, { encoding_format: 'base64' })
    assert.deepEqual(
      coded.data.map(({ embedding }) => floats(embedding as string)),
      wanted,
    )
    const given = texts.map((text) => encoder.tokensOf(text).slice(1, -1))
    assert.deepEqual((await embed(given)).data, plain.data)
    assert.deepEqual((await embed(given[0])).data, [plain.data[0]])
    assert.deepEqual((await embed(texts[0])).data, [plain.data[0]])
    const short = await embed(texts[0], { dimensions: 5 })
    assert.deepEqual(short.data[0]!.embedding, [...shorten(Float32Array.from(wanted[0]!), 5)])
  })

  test('its receipt names the model, bills the tokens, and is about bytes that anybody can make again', async () => {
    const body = { model: 'tiny-encoder', input: ['the ab', 'b'] }
    const answers = [await post(body), await post(body)]
    const bytes = await Promise.all(answers.map(async (answer) => Buffer.from(await answer.arrayBuffer())))
    assert.deepEqual(bytes[0], bytes[1])
    const id = answers[0]!.headers.get('x-weightless-receipt')
    const fetched = await fetch(`${gateway.url}/v1/receipts/${id}`, { headers: authorized })
    const read = readBundle(await fetched.json())
    assert.ok(read.ok, read.ok ? '' : read.detail)
    const { receipt, opening } = read.value
    const encoder = await openEncoder(files)
    const listed = (await (await fetch(`${provider.url}/v1/models`)).json()) as { data: Record<string, unknown>[] }
    const { program_id: programId, root, verifiability, context_length: contextLength } = listed.data[0]!
    assert.deepEqual([programId, verifiability, contextLength], [encoder.programId, '', 320])
    assert.deepEqual(
      [receipt.serviceClass, receipt.check, receipt.modelRoot, receipt.programId, receipt.tokenizerRoot],
      [2, 1, root, encoder.programId, encoder.tokenizerRoot],
    )
    assert.deepEqual([receipt.promptTokens, receipt.completionTokens, receipt.fee], [7n, 0n, 7_000n])
    assert.ok('kind' in opening && opening.path === path)
    assert.equal(opening.responseSha256, `0x${createHash('sha256').update(bytes[0]!).digest('hex')}`)
  })

  test('its answer is made again from the request, byte by byte, and every lie is named', async () => {
    const body = {
      provider: { only: [provider.address] },
      model: 'tiny-encoder',
      input: ['the ab', 'b'],
      dimensions: 3,
    }
    const answer = await post(body)
    await answer.arrayBuffer()
    const id = answer.headers.get('x-weightless-receipt')
    const read = readBundle(await (await fetch(`${gateway.url}/v1/receipts/${id}`, { headers: authorized })).json())
    assert.ok(read.ok && isBodyBundle(read.value))
    const bundle = read.value
    // With white space and the gateway's own field: as a client may have kept it.
    const request = new TextEncoder().encode(JSON.stringify(body, undefined, 2))
    const verdict = await verifyEmbeddings(bundle, { request, files })
    assert.deepEqual(verdict, { accepted: true, reExecuted: true, promptTokens: 7, completionTokens: 0, text: '' })
    const unseen = await verifyBundle(bundle, { loadWeights: () => assert.fail('no weights are needed') })
    assert.ok(unseen.accepted && !unseen.reExecuted && /^Not re-executed/.test(unseen.note))

    const account = net.accountOf(1)
    const lieOf = async (receipt: Partial<Receipt>, opening: Partial<BodyOpening> = {}): Promise<Bundle> => {
      const signed = { ...bundle.receipt, ...receipt }
      const signature = await signReceipt(signed, bundle.settlement, account)
      return { ...bundle, receipt: signed, signature, opening: { ...bundle.opening, ...opening } }
    }
    const faultOf = async (lie: Bundle, change: Partial<Parameters<typeof verifyEmbeddings>[1]> = {}) => {
      const outcome = await verifyEmbeddings(lie, { request, files, ...change })
      return outcome.accepted ? 'accepted' : outcome.fault
    }
    const { salt, price } = bundle.opening
    const responseSha256 = `0x${'ab'.repeat(32)}` as const
    const other = { outputHash: bodyOutputHash(responseSha256, 'stop', salt) }
    assert.equal(await faultOf(await lieOf(other, { responseSha256 })), 'text')
    const more = { promptTokens: 8n, completionTokens: 0n }
    assert.equal(await faultOf(await lieOf({ ...more, fee: feeOf(price, more) })), 'usage')
    assert.equal(await faultOf(await lieOf({ programId: responseSha256 })), 'program')
    assert.equal(await faultOf(await lieOf({ tokenizerRoot: responseSha256 })), 'program')
    assert.equal(await faultOf(await lieOf({ inputHash: inputHash(responseSha256, salt) })), 'commitment')
    assert.equal(await faultOf(await lieOf({ modelRoot: `0x${'00'.repeat(32)}` })), 'unsupported')
    assert.equal(await faultOf(await lieOf({ check: 0 })), 'unsupported')
    const weights = files.weights.slice()
    weights[weights.length - 5]! ^= 1
    assert.equal(await faultOf(bundle, { files: { ...files, weights } }), 'weights')
    for (const text of ['', '{', 'null', '{"model":"tiny-encoder","input":"the ab"}']) {
      assert.equal(await faultOf(bundle, { request: new TextEncoder().encode(text) }), 'commitment')
    }
  })

  test('the SDK gives vectors, and refuses what it is refused', async () => {
    const config = {
      chain: { rpcUrl: net.rpcUrl, wsUrl: net.rpcUrl, chainId: genesis.chainId, accounts: [] },
      contracts,
      storage: { indexerUrl: net.rpcUrl, nodeUrls: [] },
      compute: { gatewayUrl: gateway.url, apiKey: gatewayKey, providers: [] },
    }
    const client = createClient({ config, env: net.env })
    const { vectors, promptTokens, receiptId } = await client.embed(['the ab', 'b'], { model: 'tiny-encoder' })
    const plain = await embed(['the ab', 'b'])
    assert.deepEqual(
      vectors.map((vector) => [...vector]),
      plain.data.map(({ embedding }) => embedding),
    )
    assert.equal(promptTokens, plain.usage.prompt_tokens)
    assert.match(receiptId!, /^embd-/)
    const [short] = (await client.embed(['b'], { model: 'tiny-encoder', dimensions: 4 })).vectors
    assert.equal(short!.length, 4)
    await assert.rejects(client.embed([''], { model: 'tiny-encoder' }), { code: 'sdk/gateway-refused', status: 400 })
  })

  test('2,048 inputs are one request', async () => {
    const { data, usage } = await embed(Array.from({ length: 2_048 }, (_, i) => (i % 2 === 0 ? 'a' : 'b')))
    assert.equal(data.length, 2_048)
    assert.deepEqual(data[2_046]!.embedding, data[0]!.embedding)
    assert.notDeepEqual(data[1]!.embedding, data[0]!.embedding)
    assert.equal(usage.prompt_tokens, 3 * 2_048)
  })

  test('what cannot be embedded is refused by its parameter, and costs nothing', async () => {
    const cases: [object, string, string?][] = [
      [{ input: '' }, 'invalid_value', 'input'],
      [{ input: [] }, 'invalid_value', 'input'],
      [{ input: ['a', ''] }, 'invalid_value', 'input'],
      [{ input: ['a', 1] }, 'invalid_value', 'input'],
      [{ input: [[1], []] }, 'invalid_value', 'input'],
      [{ input: [-1] }, 'invalid_value', 'input'],
      [{ input: [16] }, 'invalid_value', 'input'],
      [{ input: { text: 'a' } }, 'invalid_value', 'input'],
      [{}, 'invalid_value', 'input'],
      [{ input: Array.from({ length: 2_049 }, () => 'a') }, 'invalid_value', 'input'],
      [{ input: 'a '.repeat(319) }, 'context_length_exceeded', 'input'],
      [{ input: ['a', 'a'.repeat(40_000).replaceAll('aa', 'a.')] }, 'context_length_exceeded', 'input'],
      [{ input: Array.from({ length: 1_000 }, () => '. '.repeat(310)) }, 'invalid_value', 'input'],
      [{ input: 'a', dimensions: 33 }, 'invalid_value', 'dimensions'],
      [{ input: 'a', dimensions: 0 }, 'invalid_value', 'dimensions'],
      [{ input: 'a', encoding_format: 'int8' }, 'invalid_value', 'encoding_format'],
      [{ input: 'a', truncate: true }, 'unknown_parameter', 'truncate'],
    ]
    /** What was spent once no receipt is outstanding. */
    const account = async (): Promise<string> => {
      for (let look = 0; look < 100; look++) {
        const answer = await fetch(`${gateway.url}/v1/account`, { headers: authorized })
        const { spent_wei: spent, held_wei: held } = (await answer.json()) as { spent_wei: string; held_wei: string }
        if (held === '0') return spent
        await net.env.clock.sleep(50)
      }
      return assert.fail('money is still held')
    }
    const before = await account()
    for (const [body, code, param] of cases) {
      const answer = await post({ model: 'tiny-encoder', ...body })
      const { error } = (await answer.json()) as { error: { code: string; param: string | null } }
      assert.deepEqual([answer.status, error.code, error.param], [400, code, param], JSON.stringify(body).slice(0, 80))
    }
    assert.equal(await account(), before)
    assert.equal((await embed('b', { user: 'somebody', dimensions: null })).data.length, 1)
  })

  test('chats go elsewhere, and embeddings of a chat model nowhere', async () => {
    const messages = [{ role: 'user', content: 'Hello' }]
    assert.equal((await post({ model: 'tiny-encoder', messages }, '/v1/chat/completions')).status, 503)
    assert.equal((await post({ model: 'tiny', input: 'a' })).status, 503)
    assert.equal((await post({ model: 'tiny', messages, max_tokens: 2 }, '/v1/chat/completions')).status, 200)
  })

  test('whoever leaves stops its work, and is not waited for', async () => {
    const leaving = new AbortController()
    const long = post(
      { model: 'tiny-encoder', input: Array.from({ length: 900 }, () => '. '.repeat(300)) },
      path,
      leaving.signal,
    )
    const left = assert.rejects(long)
    setTimeout(() => leaving.abort(), 300)
    await left
    assert.equal((await embed('the')).data.length, 1)
    await provider.drain()
  })
})
