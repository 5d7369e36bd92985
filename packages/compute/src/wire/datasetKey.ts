/** What a fine-tuning provider's account signs about the key that datasets are sealed to, so that nobody on the way can put another in its place. FINETUNING §3.1 */
import type { Hex } from '@weightless/codec'

/** @param key - X25519, 32 bytes */
export function datasetKeyText({ chainId, provider, key }: { chainId: number; provider: Hex; key: Hex }): string {
  return `Weightless dataset key, version 1\nchain ${chainId}\nprovider ${provider.toLowerCase()}\nkey ${key}`
}
