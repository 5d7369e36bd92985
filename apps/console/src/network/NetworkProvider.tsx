/** Gives every page the network's configuration, or says in plain words that there is none yet. */
import { useQuery } from '@tanstack/react-query'
import { type NetworkConfig, readNetworkConfig } from '@weightless/sdk/networkConfig'
import { createContext, type ReactNode, useContext, useEffect } from 'react'
import { Wordmark } from '../parts/Wordmark.tsx'
import { startBlockFeed } from './blockFeed.ts'
import { restoreSigner } from './restoreSigner.ts'

const NetworkContext = createContext<NetworkConfig | undefined>(undefined)

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
  if (data) return <NetworkContext value={data}>{children}</NetworkContext>
  return (
    <main className="mx-auto grid min-h-dvh max-w-xl place-content-center gap-6 px-6">
      <Wordmark />
      <div aria-live="polite" className="grid gap-4">
        <h1 className="title">{isPending ? 'Looking for your network' : 'No network answers here'}</h1>
        {error && (
          <>
            <p className="text-soft">
              The console found no configuration beside it ({error.message}). Start a network with{' '}
              <code className="font-mono text-[0.9em]">npm start</code>; this page goes on by itself.
            </p>
            <button type="button" className="button w-fit" disabled={isFetching} onClick={() => refetch()}>
              Look again
            </button>
          </>
        )}
      </div>
    </main>
  )
}

export function useNetwork(): NetworkConfig {
  const config = useContext(NetworkContext)
  if (!config) throw new Error('useNetwork is called outside NetworkProvider')
  return config
}

async function fetchConfig(): Promise<NetworkConfig> {
  const response = await fetch('/config.json', { cache: 'no-store' })
  if (!response.ok) throw new Error(`the server answers ${response.status}`)
  const verdict = readNetworkConfig(await response.json())
  if (!verdict.ok) throw new Error(verdict.detail ?? verdict.code)
  return verdict.value
}
