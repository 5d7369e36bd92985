/** Gives every page the network's configuration, as soon as there is one. */
import { useQuery } from '@tanstack/react-query'
import { type NetworkConfig, readNetworkConfig } from '@weightless/sdk/networkConfig'
import { createContext, type ReactNode, useContext, useEffect } from 'react'
import { startBlockFeed } from './blockFeed.ts'
import { restoreSigner } from './restoreSigner.ts'

type Known = {
  config: NetworkConfig | undefined
  error: Error | null
  isPending: boolean
  isFetching: boolean
  refetch: () => unknown
}

const NetworkContext = createContext<Known | undefined>(undefined)

export function NetworkProvider({ children }: { children: ReactNode }) {
  const { data, error, isPending, refetch, isFetching } = useQuery({
    queryKey: ['config'],
    queryFn: fetchConfig,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    // Services open one by one, and the weights arrive in the background.
    refetchInterval: (query) => (query.state.data?.compute.providers.length ? 30_000 : 2_000),
  })
  const { rpcUrl, wsUrl } = data?.chain ?? {}
  // biome-ignore lint/correctness/useExhaustiveDependencies: once per chain, not at each refresh of its services
  useEffect(() => (data ? startBlockFeed(data.chain, data.contracts) : undefined), [rpcUrl, wsUrl])
  const known = data !== undefined
  // biome-ignore lint/correctness/useExhaustiveDependencies: once per network, not at each refresh of its services
  useEffect(() => (data ? restoreSigner(data) : undefined), [known])
  return <NetworkContext value={{ config: data, error, isPending, isFetching, refetch }}>{children}</NetworkContext>
}

/** Of pages that are shown only when there is a network. */
export function useNetwork(): NetworkConfig {
  const config = useKnownNetwork()
  if (!config) throw new Error('useNetwork is called where no network is known')
  return config
}

/** Undefined as long as no configuration has been read. */
export function useKnownNetwork(): NetworkConfig | undefined {
  return useContext(NetworkContext)?.config
}

/** Where looking for the network is. */
export function useNetworkSearch(): Known {
  const known = useContext(NetworkContext)
  if (!known) throw new Error('useNetworkSearch is called outside NetworkProvider')
  return known
}

async function fetchConfig(): Promise<NetworkConfig> {
  const response = await fetch('/config.json', { cache: 'no-store' })
  if (!response.ok) throw new Error(`the server answers ${response.status}`)
  const verdict = readNetworkConfig(await response.json())
  if (!verdict.ok) throw new Error(verdict.detail ?? verdict.code)
  return verdict.value
}
