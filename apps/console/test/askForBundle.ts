/** A client of the network behind the console, and the bundle of a real answer from it. */
import assert from 'node:assert/strict'
import { createBrowserEnv } from '@weightless/env/browser'
import { bundleToJson } from '@weightless/receipt/bundle'
import { type Client, createClient } from '@weightless/sdk'
import { readNetworkConfig } from '@weightless/sdk/networkConfig'
import { privateKeyToAccount } from 'viem/accounts'

/** @param index - of the devnet's test key that signs */
export async function openTestClient(url: string, index = 0): Promise<Client> {
  const read = readNetworkConfig(await (await fetch(`${url}/config.json`)).json())
  assert.ok(read.ok)
  const privateKey = read.value.chain.accounts[index]?.privateKey
  assert.ok(privateKey, 'the network gives no test keys away')
  return createClient({ config: read.value, env: createBrowserEnv(), account: privateKeyToAccount(privateKey) })
}

/** As JSON text. @param model - else the first that is offered */
export async function askForBundle(client: Client, model?: string): Promise<string> {
  const name = model ?? (await client.chat.models())[0]?.id
  assert.ok(name, 'nobody offers a chat')
  const messages = [{ role: 'user', content: 'What is the capital of France?' }] as const
  const { bundle } = await client.chat.complete({ model: name, messages, maxTokens: 24, seed: 7 })
  assert.ok(bundle)
  return JSON.stringify(bundleToJson(bundle))
}
