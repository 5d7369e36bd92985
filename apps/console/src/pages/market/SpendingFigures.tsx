/** What the API key of this console spent, what is held for running answers, and what is left to spend. */
import { useQuery } from '@tanstack/react-query'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { TopUpKey } from './TopUpKey.tsx'

export function SpendingFigures() {
  const { compute } = useNetwork()
  const loadClient = useLoadClient()
  const { data, error, isPending, fetchStatus, refetch } = useQuery({
    queryKey: ['spending', compute.gatewayUrl],
    queryFn: async () => (await loadClient()).market.spending(),
    enabled: compute.apiKey !== undefined,
    refetchInterval: 5_000,
  })
  return (
    <section aria-labelledby="spending">
      <h2 id="spending" className="heading mb-3">
        Spending of the API key
      </h2>
      {error && !data && <ErrorNotice title="The account cannot be read" error={error} onRetry={refetch} />}
      {isPending && fetchStatus === 'idle' && (
        <Notice title="This console has no API key">
          The network’s configuration names none, so nothing is spent.
        </Notice>
      )}
      {isPending && fetchStatus !== 'idle' && <div className="skeleton h-20" />}
      {data && (
        <>
          <dl className="grid grid-cols-2 gap-6 sm:grid-cols-4">
            <Sum name="Spent" wei={data.spentWei} />
            <Sum name="Held for running answers" wei={data.heldWei} />
            <Sum name="Left of the key’s budget" wei={data.leftWei} without="no budget set" />
            <Sum name="Free in the ledger" wei={data.availableWei} />
          </dl>
          <p className="mt-4 text-mute text-sm">
            Paid by <Copyable text={data.address} what="paying account" />, which each receipt names.
          </p>
          <TopUpKey payer={data.address} />
        </>
      )}
    </section>
  )
}

function Sum({ name, wei, without = '' }: { name: string; wei: bigint | undefined; without?: string }) {
  return (
    <div className="grid content-start gap-1">
      <dt className="label">{name}</dt>
      <dd className="text-[1.25rem] font-[320]">{wei === undefined ? without : <Amount wei={wei} />}</dd>
    </div>
  )
}
