/** What an operator looks at: earnings, queue, speed, what is not settled yet and what stands behind it, of each provider whose token is known. */
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { formatCount, formatMs } from '../../parts/formatAmount.ts'
import { ErrorNotice } from '../../parts/Notice.tsx'
import { type ProviderFigures, readProviderStatus } from './readProviderStatus.ts'

/** The network's own providers: their token is to be shown to nobody else's. */
export function ProviderDashboard() {
  const { compute } = useNetwork()
  const { operatorToken, providers } = compute
  if (!operatorToken) {
    return (
      <p className="text-mute text-sm">
        Queue, speed and unsettled fees are shown to each provider’s operator alone:{' '}
        <code className="font-mono text-[0.9em]">weightless provider status</code>.
      </p>
    )
  }
  return (
    <div className="grid gap-4">
      {providers.map(({ address, url }) => (
        <ProviderCard key={address} address={address} url={url} token={operatorToken} />
      ))}
    </div>
  )
}

function ProviderCard({ address, url, token }: { address: string; url: string; token: string }) {
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['provider status', url],
    queryFn: () => readProviderStatus(url, token),
    refetchInterval: 5_000,
    retry: false,
  })
  return (
    <div className="sheet grid gap-3 px-5 py-4">
      <div className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1">
        <h3 className="label">{data ? `${data.model}, ${data.engine}` : 'Provider'}</h3>
        <Copyable text={address} what="provider" />
      </div>
      {isPending && <div className="skeleton h-20" />}
      {data === null && <p className="text-mute text-sm">Its model is being opened.</p>}
      {data && <Figures figures={data} />}
      {error && <ErrorNotice title="This provider does not say how it goes" error={error} onRetry={refetch} />}
    </div>
  )
}

function Figures({ figures }: { figures: ProviderFigures }) {
  const { running, runningMax, waiting, firstTokenMs, answerMs, unvouchedJobs, openClaims, offer } = figures
  const { state, stakeWei, gasWei } = figures
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-4">
      <Block name="State">{state}</Block>
      <Block name="Jobs">
        {formatCount(running)} of {formatCount(runningMax)} running, {formatCount(waiting)} waiting
      </Block>
      <Block name="First token, median">{timeOf(firstTokenMs)}</Block>
      <Block name="Whole answer, median">{timeOf(answerMs)}</Block>
      <Block name="Receipted">
        <Amount wei={figures.receiptedWei} />
      </Block>
      <Block name="Vouched for">
        <Amount wei={figures.vouchedWei} />
      </Block>
      <Block name="Paid">
        <Amount wei={figures.paidWei} />
      </Block>
      <Block name="Not settled yet">
        <Amount wei={figures.unsettledWei} />
        {unvouchedJobs + openClaims > 0 && (
          <span className="text-mute">
            {' '}
            ({formatCount(unvouchedJobs)} without a voucher, {formatCount(openClaims)} claims)
          </span>
        )}
      </Block>
      <Block name="Stake">{stakeWei === undefined ? 'chain away' : <Amount wei={stakeWei} />}</Block>
      <Block name="For gas">{gasWei === undefined ? 'chain away' : <Amount wei={gasWei} />}</Block>
      <Block name="Measured for the market">{describeOffer(offer)}</Block>
    </dl>
  )
}

const timeOf = (ms: number | undefined): string => (ms === undefined ? 'not seen yet' : formatMs(ms))

function describeOffer(offer: ProviderFigures['offer']): string {
  if (!offer) return 'no offer stands'
  if (offer.measuredAtSeconds === 0) return 'not yet'
  return `${formatCount(offer.slots)} slots, ${formatCount(offer.tokensPerSecond)} tokens/s`
}

function Block({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="label">{name}</dt>
      <dd className="tabular-nums">{children}</dd>
    </div>
  )
}
