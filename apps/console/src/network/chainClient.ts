/** One viem client per network, batching its reads into few requests. */
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { type Chain, createPublicClient, http, type PublicClient } from 'viem'

let made: { rpcUrl: string; client: PublicClient } | undefined

export function chainClient(rpcUrl: string): PublicClient {
  if (made?.rpcUrl !== rpcUrl)
    made = {
      rpcUrl,
      client: createPublicClient({
        transport: http(rpcUrl, { batch: { batchSize: 64 }, retryCount: 1, timeout: 8_000 }),
      }),
    }
  return made.client
}

export function chainOf(config: NetworkConfig): Chain {
  return {
    id: config.chain.chainId,
    name: config.chain.chainId === 31337 ? 'Weightless devnet' : `Weightless ${config.chain.chainId}`,
    nativeCurrency: { name: 'Token', symbol: '0G', decimals: 18 },
    rpcUrls: { default: { http: [config.chain.rpcUrl], webSocket: [config.chain.wsUrl] } },
  }
}
