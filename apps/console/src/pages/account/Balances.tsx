/** Three places where money can be: the account, the prepaid ledger, and with each provider. */
import type { Balance } from '@weightless/sdk'
import type { ReactNode } from 'react'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { formatAmount } from '../../parts/formatAmount.ts'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { MoveFunds } from './MoveFunds.tsx'
import { useBalance } from './useBalance.ts'

export function Balances() {
  const { data, error, isPending, fetchStatus, refetch } = useBalance()
  if (error && !data) return <ErrorNotice title="The balance cannot be read" error={error} onRetry={refetch} />
  if (isPending && fetchStatus === 'idle')
    return <Notice title="No account, no balance">Choose a test key or connect a wallet above.</Notice>
  return (
    <section aria-labelledby="balances" className="grid gap-8">
      <h2 id="balances" className="sr-only">
        Balances
      </h2>
      <div className="grid gap-8 sm:grid-cols-3">
        <Figure name="On the chain" wei={data?.chainWei} hint="Pays for storing files and for deposits." />
        <Figure
          name="In the ledger"
          wei={data && (data.ledger?.totalWei ?? 0n)}
          hint={
            data?.ledger ? (
              <>{formatAmount(data.ledger.availableWei)} of it is free to move.</>
            ) : (
              'Your first deposit opens it.'
            )
          }
        />
        <Figure
          name="With providers"
          wei={data?.providers.reduce((sum, each) => sum + each.balanceWei, 0n)}
          hint="Answers asked for with this account are paid from here."
        />
      </div>
      {data && data.providers.length > 0 && <ProviderBalances balance={data} />}
      {data && <MoveFunds balance={data} />}
    </section>
  )
}

function Figure({ name, wei, hint }: { name: string; wei: bigint | undefined; hint: ReactNode }) {
  const [value = '', unit = ''] = wei === undefined ? [] : formatAmount(wei).split(' ')
  return (
    <div className="grid content-start gap-2">
      <h3 className="label">{name}</h3>
      {wei === undefined ? (
        <div className="skeleton h-10 w-40" />
      ) : (
        <p title={`${wei} wei`}>
          <span className="figure text-[2.75rem]">{value}</span> <span className="text-mute">{unit}</span>
        </p>
      )}
      <p className="text-mute text-sm">{hint}</p>
    </div>
  )
}

function ProviderBalances({ balance }: { balance: Balance }) {
  return (
    <ul className="rows border-line border-y">
      {balance.providers.map((each) => (
        <li key={each.provider} className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1 py-3">
          <span>
            Provider <Copyable text={each.provider} what="provider" />
          </span>
          <span className="flex gap-4">
            {each.pendingRefundWei > 0n && (
              <span className="text-mute text-sm">
                <Amount wei={each.pendingRefundWei} /> on its way back
              </span>
            )}
            <Amount wei={each.balanceWei} className="font-[560]" />
          </span>
        </li>
      ))}
    </ul>
  )
}
