/** A fingerprint from the command line alone: a provider in front of a server that names its model, a question, and the verdict. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openModel, type ServedRequest, serve } from '../../packages/receipt/src/fingerprint/printedAnswer.cases.ts'
import { type ComputeNet, gatewayKey, startComputeNet, tinyModel, tokens } from './computeNet.ts'
import { event, type MockUpstream, sendJson, startMockUpstream } from './mockUpstream.ts'
import { createProviderCommand, type ProviderProcess, runCommand } from './providerCommand.ts'

const model = fileURLToPath(tinyModel)
const otherModel = fileURLToPath(new URL('../../packages/tensor/models/weightless-bard-1m.gguf', import.meta.url))

describe('a fingerprint on the command line', () => {
  let net: ComputeNet
  let upstream: MockUpstream
  let provider: ProviderProcess
  let dataDir: string
  /** What the server really draws with. */
  let temperature: number | undefined

  before(async () => {
    net = await startComputeNet()
    upstream = await startMockUpstream([{ id: 'printed', max_model_len: 128 }])
    const served = await openModel()
    upstream.behave(({ json }, response) => {
      const asked = { ...(json as ServedRequest), top_logprobs: 20 }
      const body = serve(served, asked, { seed: 3, tokens: 48, ...(temperature !== undefined && { temperature }) })
      if (!json.stream) return sendJson(response, JSON.parse(body))
      const { choices, usage } = JSON.parse(body) as {
        choices: { message: object; logprobs: object }[]
        usage: object
      }
      const { message, logprobs } = choices[0]!
      const choice = { index: 0, delta: message, finish_reason: 'length', logprobs }
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(`${event({ choices: [choice] })}${event({ choices: [], usage })}data: [DONE]\n\n`)
    })
    const command = createProviderCommand(net, 'printing')
    dataDir = command.dataDir
    await Promise.all([command.fund(), net.deposit(2, tokens(100))])
    const { url } = await net.startGateway({ limits: { directoryAgeMsMax: 0 } })
    const file = join(dataDir, 'devnet.json')
    const network = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(file, JSON.stringify({ ...network, compute: { gatewayUrl: url, apiKey: gatewayKey, providers: [] } }))
    const sells = ['--upstream', upstream.url, '--fingerprint', model, '--tokenizer', model, '--model', 'printed']
    provider = await command.start(...sells, '--price', '0.1/0.4', '--log', 'silent')
  })
  after(async () => {
    await provider?.kill()
    await upstream.close()
    await net.close()
  })

  const run = (...words: string[]) => runCommand(['--json', '--data-dir', dataDir, ...words])
  const verify = async (...words: string[]) => {
    const { code, stdout } = await run('verify', ...words)
    return { code, said: JSON.parse(stdout.trim().split('\n').at(-1)!) }
  }

  async function ask(name: string): Promise<string> {
    const bundle = join(dataDir, `${name}.json`)
    const sampler = ['--temperature', '0.8', '--top-p', '1', '--max-tokens', '48']
    const asked = await run('chat', 'Count.', '--model', 'printed', '--fingerprint', ...sampler, '--save', bundle)
    assert.equal(asked.code, 0, asked.stdout + asked.stderr)
    return bundle
  }

  test('question and answer lie beside the bundle and are weighed with the model that it names, and no other', async () => {
    temperature = undefined
    const bundle = await ask('honest')
    const { code, said } = await verify(bundle, '--model', model)
    assert.ok(code === 0 && said.accepted && !said.reExecuted, JSON.stringify(said))
    assert.equal(said.fingerprint.positions, 48)
    // What it is told beside the request, so that it draws as that says.
    const {
      temperature: told,
      top_p,
      top_k,
      min_p,
    } = upstream.asked.findLast(({ json }) => json.stream && json.logprobs)!.json
    assert.deepEqual([told, top_p, top_k, min_p], [0.8, 1, 0, 0])
    assert.match(said.note, /rate of false alarms is not known/)
    const other = await verify(bundle, '--model', otherModel)
    assert.deepEqual([other.code, other.said.fault], [1, 'weights'])
    const [request, response] = ['.request', '.response'].map((end) => bundle.replace(/\.json$/, end))
    const named = await verify(bundle, '--model', model, '--request', request!, '--response', response!)
    assert.deepEqual(named, { code, said })
    writeFileSync(response!, `${readFileSync(response!, 'utf8')} `)
    const changed = await verify(bundle, '--model', model)
    assert.deepEqual([changed.code, changed.said.fault], [1, 'commitment'])
  })

  test('a provider whose answers its users would refuse does not start', { timeout: 120_000 }, async () => {
    const command = createProviderCommand(net, 'misnamed')
    const sells = ['--upstream', upstream.url, '--fingerprint', otherModel, '--model', 'printed', '--price', '0.1/0.4']
    // An input that is still open does not keep it.
    const start = command.start(...sells, '--log', 'silent', '--until-input-ends')
    await assert.rejects(start, /no fingerprint that agrees/)
  })

  test('a server that draws with another temperature is refused', async () => {
    temperature = 0.05
    const { code, said } = await verify(await ask('cold'), '--model', model)
    assert.deepEqual([code, said.fault], [1, 'fingerprint'])
    assert.match(said.detail, /standard deviations/)
  })
})
