/** Joins the SDK with this browser: its clock, its network, and whoever signs. */
import { createBrowserEnv } from '@weightless/env/browser'
import { type Client, createClient } from '@weightless/sdk'
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { privateKeyToAccount } from 'viem/accounts'
import type { Signer } from './signer.ts'

export function makeClient(config: NetworkConfig, signer: Signer): Client {
  const env = createBrowserEnv()
  if (signer.kind === 'testKey') return createClient({ config, env, account: privateKeyToAccount(signer.privateKey) })
  if (signer.kind === 'wallet')
    return createClient({ config, env, account: { address: signer.address, provider: signer.provider } })
  return createClient({ config, env })
}
