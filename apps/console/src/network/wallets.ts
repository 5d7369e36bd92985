/** Wallets of the user, discovered by EIP-6963 through wagmi; loaded only when somebody wants one. */
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { useSyncExternalStore } from 'react'
import { type Config, type Connector, createConfig, http } from 'wagmi'
import { connect, disconnect, getConnectors, reconnect, watchConnection, watchConnectors } from 'wagmi/actions'
import { chainOf } from './chainClient.ts'
import { chooseWallet, currentSigner, forgetWallet, type WalletProvider } from './signer.ts'

let made: { rpcUrl: string; config: Config } | undefined

/** Every wallet that announced itself in this window. */
export function useWallets(network: NetworkConfig): readonly Connector[] {
  const config = walletConfig(network)
  return useSyncExternalStore(
    (listener) => watchConnectors(config, { onChange: listener }),
    () => getConnectors(config),
  )
}

/** Asks the wallet for an account and for this network; rejects when the user refuses. */
export async function connectWallet(network: NetworkConfig, connector: Connector): Promise<void> {
  const config = walletConfig(network)
  await connect(config, { connector, chainId: network.chain.chainId })
}

export async function disconnectWallet(network: NetworkConfig): Promise<void> {
  await disconnect(walletConfig(network))
  forgetWallet(network)
}

export async function reconnectWallet(network: NetworkConfig): Promise<void> {
  await reconnect(walletConfig(network))
}

function walletConfig(network: NetworkConfig): Config {
  if (made?.rpcUrl === network.chain.rpcUrl) return made.config
  const chain = chainOf(network)
  const config = createConfig({
    chains: [chain],
    connectors: [],
    multiInjectedProviderDiscovery: true,
    transports: { [chain.id]: http(network.chain.rpcUrl) },
  })
  watchConnection(config, {
    async onChange(connection) {
      const { status, address, connector } = connection
      if (status === 'connected' && address && connector)
        chooseWallet({ address, name: connector.name, provider: (await connector.getProvider()) as WalletProvider })
      else if (status === 'disconnected' && currentSigner().kind === 'wallet') forgetWallet(network)
    },
  })
  made = { rpcUrl: network.chain.rpcUrl, config }
  return config
}
