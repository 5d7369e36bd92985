// @0gfoundation/0g-compute-ts-sdk 0.9.0, unmodified: prepay, ask, check the signature, make and revoke an API key.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { ethers } from 'ethers'
import OpenAI from 'openai'

// Its ESM build imports files that it does not ship; its CommonJS build is what Node users load.
const { createZGComputeNetworkBroker } = createRequire(import.meta.url)('@0gfoundation/0g-compute-ts-sdk')
const { chain, contracts, compute } = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const rpc = new ethers.JsonRpcProvider(chain.rpcUrl, chain.chainId, {
  staticNetwork: true,
  polling: true,
  pollingInterval: 100,
})
const wallet = new ethers.Wallet(chain.accounts[6].privateKey, rpc)
const { inferenceServing, ledgerManager, fineTuningServing } = contracts
const broker = await createZGComputeNetworkBroker(wallet, ledgerManager, inferenceServing, fineTuningServing)
const { address: provider } = compute.providers[0]

const services = await broker.inference.listService()
assert.ok(services.some((service) => service.provider.toLowerCase() === provider.toLowerCase()))
await broker.ledger.addLedger(5)
assert.equal((await broker.ledger.getLedger()).totalBalance ?? (await broker.ledger.getLedger())[2], 5n * 10n ** 18n)
await broker.ledger.transferFund(provider, 'inference', 2n * 10n ** 18n)

const { endpoint, model } = await broker.inference.getServiceMetadata(provider)
const content = 'Name a colour.'
const headers = await broker.inference.getRequestHeaders(provider, content)
const client = new OpenAI({ baseURL: endpoint, apiKey: 'unused', maxRetries: 0, defaultHeaders: headers })
const request = { model, messages: [{ role: 'user', content }], max_tokens: 12 }
const { data: answer, response } = await client.chat.completions.create(request).withResponse()
const chatId = response.headers.get('zg-res-key') ?? answer.id
const usage = JSON.stringify({
  input_tokens: answer.usage.prompt_tokens,
  output_tokens: answer.usage.completion_tokens,
})
assert.equal(await broker.inference.processResponse(provider, chatId, usage), true)

const key = await broker.inference.requestProcessor.createApiKey(provider, { expiresIn: 0 })
const secret = key.rawToken ?? key.token ?? key.apiKey ?? key
const byKey = new OpenAI({ baseURL: endpoint, apiKey: secret, maxRetries: 0 })
let streamed = ''
for await (const chunk of await byKey.chat.completions.create({ ...request, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? ''
}
assert.ok(streamed.length > 0)
const verified = await broker.inference.verifyService(provider).catch((error) => String(error.message))
assert.notEqual(verified?.success, true, 'nobody here has trusted hardware, and nobody may claim it')
console.log(`${model} answered the SDK (${answer.usage.total_tokens} tokens, signature good) and its API key`)
process.exit(0)
