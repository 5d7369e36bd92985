/** A network with one exact provider and a gateway, and a client that has every receipt re-executed. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type Bundle, type ChatOpening, isChatBundle, readBundle, verifyBundle } from '@weightless/receipt'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tinyModel, tokens } from './computeNet.ts'

/** Of the provider's model. */
export const weights = new Uint8Array(readFileSync(tinyModel))
export const headers = { authorization: `Bearer ${gatewayKey}`, 'content-type': 'application/json' }

export function createExactStage() {
  let net: ComputeNet
  let gatewayUrl: string

  async function bundleOf(answer: Response): Promise<Bundle<ChatOpening>> {
    const id = answer.headers.get('x-weightless-receipt')
    const read = readBundle(await (await fetch(`${gatewayUrl}/v1/receipts/${id}`, { headers })).json())
    assert.ok(read.ok && isChatBundle(read.value))
    return read.value
  }

  const verify = (bundle: Bundle) =>
    verifyBundle(bundle, { loadWeights: async () => weights, expected: { settlement: contracts.receiptSettlement } })

  return {
    async open(): Promise<void> {
      net = await startComputeNet()
      const provider = await net.startProvider()
      await Promise.all([provider.ready, net.deposit(2, tokens(100))])
      gatewayUrl = (await net.startGateway({ limits: { directoryAgeMsMax: 0 } })).url
    },
    close: () => net.close(),
    gatewayUrl: () => gatewayUrl,
    ask: (body: object, path = 'chat/completions') =>
      fetch(`${gatewayUrl}/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) }),
    bundleOf,
    verify,
    async verified(answer: Response): Promise<Bundle<ChatOpening>> {
      const bundle = await bundleOf(answer)
      const verdict = await verify(bundle)
      assert.ok(verdict.accepted && verdict.reExecuted, JSON.stringify(verdict))
      return bundle
    },
  }
}

/** The JSON of each event of a stream. */
export const eventsOf = (text: string) => [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => JSON.parse(json!))
