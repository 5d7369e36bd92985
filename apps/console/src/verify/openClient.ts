/** The SDK's client inside the worker of a check: it reads weights and asks providers, and signs nothing. */
import { createBrowserEnv } from '@weightless/env/browser'
import { type Client, createClient } from '@weightless/sdk'
import type { NetworkConfig } from '@weightless/sdk/networkConfig'

export function openClient(config: NetworkConfig): Client {
  return createClient({ config, env: createBrowserEnv() })
}
