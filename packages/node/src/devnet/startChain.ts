/** The devnet's chain: solo consensus over the embedded engine, with the contracts in its genesis. */
import { type Chain, openChain } from '@weightless/chain'
import { genesis } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import { devnetKeys, gatewayAccountIndex } from './devnetKeys.ts'

export type RunningChain = { chain: Chain; rpcUrl: string; wsUrl: string; close(): Promise<void> }

/** Wallets call from their extension; a page of another site may not, because the test accounts sign for whoever asks. */
const walletOrigins = ['chrome-extension://*', 'moz-extension://*', 'safari-web-extension://*']

export async function startChain(
  env: Env,
  options: { port: number; host: string; allowedOrigins?: readonly string[] },
): Promise<RunningChain> {
  const keys = devnetKeys()
  const chain = await openChain({
    env,
    folder: 'chain',
    chainId: genesis.chainId,
    genesis: { alloc: genesis.alloc, timestampSeconds: genesis.timestampSeconds },
    coinbase: keys[gatewayAccountIndex]!.address,
    accounts: keys.map(({ privateKey }) => privateKey),
  })
  try {
    const allowedOrigins = [...walletOrigins, ...(options.allowedOrigins ?? [])]
    const { url, wsUrl } = await chain.serve({ ...options, allowedOrigins })
    return { chain, rpcUrl: url, wsUrl, close: () => chain.close() }
  } catch (error) {
    await chain.close()
    throw error
  }
}
