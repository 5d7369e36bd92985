/** Brings back who signed last in this browser; else the first test key, where the network gives any away. */
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { chooseTestKey, currentSigner, rememberedSigner } from './signer.ts'

export function restoreSigner(config: NetworkConfig): void {
  if (currentSigner().kind === 'wallet') return
  const last = rememberedSigner()
  chooseTestKey(config, 'testKey' in last ? last.testKey : 0, false)
  if ('wallet' in last) void import('./wallets.ts').then(({ reconnectWallet }) => reconnectWallet(config))
}
