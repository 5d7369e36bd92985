/** For operators: stake and settled earnings as the chain has them, and the counters that the gateway's process shows. */
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { useOffers } from '../../network/useOffers.ts'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { formatCount, formatMs } from '../../parts/formatAmount.ts'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { type ChainFigures, readChainFigures } from './readChainFigures.ts'
import { type ProcessFigures, readProcessFigures } from './readProcessFigures.ts'

export function ProviderFigures() {
  const config = useNetwork()
  const { data: offers = [] } = useOffers()
  const chain = useQuery({
    queryKey: ['provider figures', config.chain.rpcUrl],
    queryFn: () => readChainFigures(config),
    refetchInterval: 10_000,
  })
  const counters = useQuery({
    queryKey: ['process figures', config.compute.gatewayUrl],
    queryFn: () => readProcessFigures(config.compute.gatewayUrl),
    refetchInterval: 5_000,
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
      {counters.data && <Counters figures={counters.data} />}
      {counters.data === null && (
        <p className="text-mute text-sm">
          Queue, latency and unsettled fees are in each provider’s own metrics, which its operator alone can reach.
        </p>
      )}
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

/** Of every provider that shares the gateway's process, as on a devnet: the counters do not tell them apart. */
function Counters({ figures }: { figures: ProcessFigures }) {
  const { jobs, refusals, waiting, earnedWei, unsettledWei, openClaimsWei, firstTokenMs } = figures
  return (
    <div className="sheet grid gap-3 px-5 py-4">
      <h3 className="label">All providers in the gateway’s process, since it started</h3>
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-4">
        <Block name="Jobs answered">{formatCount(jobs)}</Block>
        <Block name="Refused">{formatCount(refusals)}</Block>
        <Block name="Waiting now">{formatCount(waiting)}</Block>
        <Block name="First token, on average">
          {firstTokenMs === undefined ? 'not measured yet' : formatMs(firstTokenMs)}
        </Block>
        <Block name="Earned">
          <Amount wei={earnedWei} />
        </Block>
        <Block name="Not settled yet">
          <Amount wei={unsettledWei} />
        </Block>
        <Block name="Claimed on chain, not paid yet">
          <Amount wei={openClaimsWei} />
        </Block>
      </dl>
    </div>
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

function Block({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="label">{name}</dt>
      <dd className="tabular-nums">{children}</dd>
    </div>
  )
}
