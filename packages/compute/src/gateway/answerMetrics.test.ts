import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { createNodeEnv } from '@weightless/env/node'
import { privateKeyToAccount } from 'viem/accounts'
import { MetricsTokenInvalidError } from './answerMetrics.ts'
import { startGateway } from './startGateway.ts'

const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-metrics-'))
const env = createNodeEnv({ dataFolder, log: 'silent', workersMax: 1 })
const token = 'a-token-of-24-characters'
const nowhere = `0x${'11'.repeat(20)}` as const
const account = privateKeyToAccount(`0x${'22'.repeat(32)}`)

/** Nothing of what is asked here needs a chain: there is none behind the URL. */
function open(options: { metricsToken?: string; host?: string }) {
  const contracts = { ledgerManager: nowhere, inferenceServing: nowhere, receiptSettlement: nowhere }
  const folder = `gateway-${Object.values(options).join('-').replaceAll(/\W/g, '-')}`
  return startGateway({
    env,
    folder,
    rpcUrl: 'http://127.0.0.1:9',
    chainId: 1,
    contracts,
    port: 0,
    keys: [],
    account,
    ...options,
  })
}

async function ask(url: string, authorization?: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${url}/metrics`, { headers: authorization === undefined ? {} : { authorization } })
  return { status: response.status, text: await response.text() }
}

describe('the metrics of a gateway', () => {
  after(async () => {
    await env.close()
    rmSync(dataFolder, { recursive: true, force: true })
  })

  test('with a token, whoever has it sees the metrics, and nobody else', async () => {
    const gateway = await open({ metricsToken: token })
    try {
      const shown = await ask(gateway.url, `Bearer ${token}`)
      assert.equal(shown.status, 200)
      assert.match(shown.text, /^# /m)
      for (const other of [
        undefined,
        'Bearer',
        `Bearer ${token}x`,
        `Bearer ${token.slice(1)}`,
        `Basic ${token}`,
        token,
      ]) {
        const refused = await ask(gateway.url, other)
        assert.equal(refused.status, 401, String(other))
        assert.ok(!refused.text.includes('# '))
      }
    } finally {
      await gateway.close()
    }
  })

  test('without one they are open on loopback, and closed where other machines reach the port', async () => {
    const near = await open({})
    assert.equal((await ask(near.url)).status, 200)
    await near.close()
    const far = await open({ host: '0.0.0.0' })
    try {
      const url = `http://127.0.0.1:${new URL(far.url).port}`
      assert.equal((await ask(url)).status, 401)
      assert.equal((await ask(url, `Bearer ${token}`)).status, 401)
    } finally {
      await far.close()
    }
  })

  test('a token that could be guessed, or that no header carries, is refused before anything opens', async () => {
    for (const bad of ['', 'short', 'with a space in its middle', 'ümlaute-sind-nicht-dabei', 'a'.repeat(257)]) {
      await assert.rejects(open({ metricsToken: bad }), MetricsTokenInvalidError)
    }
  })
})
