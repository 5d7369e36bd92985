/** One viem client per network, batching its reads into few requests. Actions are imported one by one, to keep it small. */
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { type Chain, type Client, createClient, http } from 'viem'

let made: { rpcUrl: string; client: Client } | undefined

export function chainClient(rpcUrl: string): Client {
  if (made?.rpcUrl !== rpcUrl)
    made = {
      rpcUrl,
      client: createClient({
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
