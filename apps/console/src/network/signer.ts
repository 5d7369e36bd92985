/** Who signs and pays in this browser: one of the devnet's test keys, or a wallet of the user; remembered by choice. */
import type { Hex } from '@weightless/codec'
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { useSyncExternalStore } from 'react'

/** A wallet as EIP-1193 has it. */
export type WalletProvider = { request(call: { method: string; params?: unknown }): Promise<unknown> }

export type Signer =
  | { kind: 'none' }
  | { kind: 'testKey'; address: Hex; privateKey: Hex; index: number }
  | { kind: 'wallet'; address: Hex; name: string; provider: WalletProvider }

const storageKey = 'weightless.signer'
let signer: Signer = { kind: 'none' }
const listeners = new Set<() => void>()

export function useSigner(): Signer {
  return useSyncExternalStore(subscribe, () => signer)
}

export function currentSigner(): Signer {
  return signer
}

/** The name of the wallet, or the index of the test key, that was used last in this browser. */
export function rememberedSigner(): { wallet: string } | { testKey: number } {
  const remembered = localStorage.getItem(storageKey) ?? ''
  if (remembered.startsWith('wallet:')) return { wallet: remembered.slice('wallet:'.length) }
  return { testKey: Number(remembered.replace('test:', '')) || 0 }
}

export function chooseTestKey(config: NetworkConfig, index: number, remember = true): void {
  const account = config.chain.accounts[index]
  if (account?.privateKey) publish({ kind: 'testKey', address: account.address, privateKey: account.privateKey, index })
  if (remember) localStorage.setItem(storageKey, `test:${index}`)
}

export function chooseWallet(wallet: { address: Hex; name: string; provider: WalletProvider }): void {
  localStorage.setItem(storageKey, `wallet:${wallet.name}`)
  publish({ kind: 'wallet', ...wallet })
}

export function forgetWallet(config: NetworkConfig): void {
  localStorage.removeItem(storageKey)
  publish({ kind: 'none' })
  chooseTestKey(config, 0, false)
}

function publish(next: Signer): void {
  signer = next
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
