/** The SDK's client inside the worker of a check: it reads weights, asks providers, and sends what a job of it sends. */
import { createBrowserEnv } from '@weightless/env/browser'
import { type Client, createClient } from '@weightless/sdk'
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { privateKeyToAccount } from 'viem/accounts'
import type { CheckSigner, WalletCall } from './checkMessages.ts'

/** @param provider - of the wallet, where that signs */
export function openClient(
  config: NetworkConfig,
  signer: CheckSigner | undefined,
  provider: { request(call: WalletCall): Promise<unknown> },
): Client {
  const env = createBrowserEnv()
  if (!signer) return createClient({ config, env })
  const account =
    signer.kind === 'testKey' ? privateKeyToAccount(signer.privateKey) : { address: signer.address, provider }
  return createClient({ config, env, account })
}
