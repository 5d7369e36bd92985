/**
 * A wallet in the page that announces itself by EIP-6963 and signs outside of it, as an extension does: the page gets an
 * EIP-1193 provider, the key stays here.
 */
import type { BrowserContext } from 'playwright-core'
import { createWalletClient, type Hex, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

export type WalletLog = { methods: string[] }

export async function injectWallet(
  context: BrowserContext,
  wallet: { privateKey: Hex; rpcUrl: string; name: string },
): Promise<WalletLog> {
  const account = privateKeyToAccount(wallet.privateKey)
  const client = createWalletClient({ account, transport: http(wallet.rpcUrl) })
  const log: WalletLog = { methods: [] }
  await context.exposeFunction('__walletRequest', async (method: string, params: unknown[]) => {
    log.methods.push(method)
    if (method === 'eth_requestAccounts' || method === 'eth_accounts') return [account.address]
    if (method === 'wallet_requestPermissions') return [{ parentCapability: 'eth_accounts' }]
    if (
      method === 'wallet_switchEthereumChain' ||
      method === 'wallet_addEthereumChain' ||
      method === 'wallet_revokePermissions'
    )
      return null
    if (method === 'eth_sendTransaction') {
      const { to, data, value, gas } = params[0] as { to: Hex; data?: Hex; value?: Hex; gas?: Hex }
      return client.sendTransaction({
        chain: null,
        to,
        ...(data && { data }),
        ...(value && { value: BigInt(value) }),
        ...(gas && { gas: BigInt(gas) }),
      })
    }
    return client.request({ method, params } as never)
  })
  await context.addInitScript(announce, wallet.name)
  return log
}

/** Runs in the page. */
function announce(name: string): void {
  const ask = (window as unknown as { __walletRequest: (method: string, params: unknown) => Promise<unknown> })
    .__walletRequest
  const provider = {
    request: ({ method, params }: { method: string; params?: unknown }) => ask(method, params ?? []),
    on: () => provider,
    removeListener: () => provider,
  }
  const icon = 'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg"/%3E'
  const info = { uuid: '350670db-19fa-4704-a166-e52e178b59d2', name, icon, rdns: 'example.test.wallet' }
  const say = () =>
    window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) }))
  window.addEventListener('eip6963:requestProvider', say)
  say()
}
