/** For operators: stake and settled earnings as the chain has them, and what each of the network's own providers says of itself. */
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { useOffers } from '../../network/useOffers.ts'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { ProviderDashboard } from './ProviderDashboard.tsx'
import { type ChainFigures, readChainFigures } from './readChainFigures.ts'

export function ProviderFigures() {
  const config = useNetwork()
  const { data: offers = [] } = useOffers()
  const chain = useQuery({
    queryKey: ['provider figures', config.chain.rpcUrl],
    queryFn: () => readChainFigures(config),
    refetchInterval: 10_000,
  })
  const providers = [
    ...new Set([...offers.map(({ provider }) => provider.toLowerCase()), ...(chain.data?.keys() ?? [])]),
  ]
  return (
    <section aria-labelledby="operators" className="grid gap-4">
      <div>
        <h2 id="operators" className="heading">
          For operators
        </h2>
        <p className="text-mute text-sm">Stake and settled earnings are summed from the chain’s own events.</p>
      </div>
      {chain.error && !chain.data && (
        <ErrorNotice title="The chain does not say what providers earned" error={chain.error} onRetry={chain.refetch} />
      )}
      {chain.isPending && <div className="skeleton h-20" />}
      {chain.data && providers.length === 0 && <Notice title="No provider has staked yet" />}
      {chain.data && providers.length > 0 && (
        <ul className="rows border-line border-y">
          {providers.map((provider) => (
            <ProviderRow key={provider} provider={provider} figures={chain.data.get(provider)} />
          ))}
        </ul>
      )}
      <ProviderDashboard />
    </section>
  )
}

function ProviderRow({ provider, figures }: { provider: string; figures: ChainFigures | undefined }) {
  return (
    <li className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1 py-3">
      <Copyable text={provider} what="provider" />
      <dl className="flex flex-wrap gap-x-6 gap-y-1 text-sm">
        <Pair name="Stake">
          <Amount wei={figures?.stakeWei ?? 0n} />
        </Pair>
        <Pair name="Settled">
          <Amount wei={figures?.settledWei ?? 0n} /> in {figures?.settlements ?? 0} batches
        </Pair>
      </dl>
    </li>
  )
}

function Pair({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex gap-1.5">
      <dt className="text-mute">{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
