/** What the API key used by day and model, as a chart and a table, and as CSV for a spreadsheet. */
import { useMutation, useQuery } from '@tanstack/react-query'
import type { UsageRow } from '@weightless/sdk'
import { useState } from 'react'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { Amount } from '../../parts/Amount.tsx'
import { shorten } from '../../parts/Copyable.tsx'
import { formatCount } from '../../parts/formatAmount.ts'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { UsageChart } from './UsageChart.tsx'

const spans = [7, 31, 90] as const

export function Usage() {
  const { compute } = useNetwork()
  const loadClient = useLoadClient()
  const [days, setDays] = useState<number>(31)
  const { data, error, isPending, fetchStatus, refetch } = useQuery({
    queryKey: ['usage', compute.gatewayUrl, days],
    queryFn: async () => (await loadClient()).market.usage(days),
    enabled: compute.apiKey !== undefined,
    refetchInterval: 10_000,
  })
  if (isPending && fetchStatus === 'idle') return null
  return (
    <section aria-labelledby="usage" className="grid gap-4">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h2 id="usage" className="heading">
          Usage
        </h2>
        <div className="flex items-center gap-3">
          <select
            className="field min-h-9 w-36 py-1 text-sm"
            aria-label="Days shown"
            value={days}
            onChange={(event) => setDays(Number(event.target.value))}
          >
            {spans.map((span) => (
              <option key={span} value={span}>
                {span} days
              </option>
            ))}
          </select>
          <CsvButton days={days} />
        </div>
      </div>
      {error && !data && <ErrorNotice title="The usage cannot be read" error={error} onRetry={refetch} />}
      {isPending && <div className="skeleton h-40" />}
      {data?.length === 0 && <Notice title="Nothing used yet">Ask a model something; it is counted here.</Notice>}
      {data && data.length > 0 && (
        <>
          <UsageChart rows={data} days={days} />
          <UsageTable rows={data} />
        </>
      )}
    </section>
  )
}

function UsageTable({ rows }: { rows: readonly UsageRow[] }) {
  return (
    // A wide table must scroll by keyboard too.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <section className="overflow-x-auto" tabIndex={0} aria-label="Usage by day and model">
      <table className="w-full min-w-[36rem] text-sm tabular-nums">
        <thead className="text-left text-mute">
          <tr>
            <th className="py-2 font-[520]">Day</th>
            <th className="py-2 font-[520]">Model</th>
            <th className="py-2 font-[520]">Provider</th>
            <th className="py-2 text-right font-[520]">Requests</th>
            <th className="py-2 text-right font-[520]">Read</th>
            <th className="py-2 text-right font-[520]">Written</th>
            <th className="py-2 text-right font-[520]">Paid</th>
          </tr>
        </thead>
        <tbody>
          {rows.toReversed().map((row) => (
            <tr key={`${row.date}${row.model}${row.provider}`} className="border-line border-t">
              <td className="whitespace-nowrap py-2 pr-3">{row.date}</td>
              <td className="py-2 pr-3">{row.model}</td>
              <td className="py-2 pr-3 font-mono text-[0.8125rem]" title={row.provider}>
                {shorten(row.provider)}
              </td>
              <td className="py-2 text-right">{formatCount(row.requests)}</td>
              <td className="py-2 text-right">{formatCount(row.promptTokens)}</td>
              <td className="py-2 text-right">{formatCount(row.completionTokens)}</td>
              <td className="py-2 pl-3 text-right">
                <Amount wei={row.spentWei} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** The gateway wants the key in a header, which a plain link cannot send: the file is fetched, then saved. */
function CsvButton({ days }: { days: number }) {
  const { compute } = useNetwork()
  const { mutate, isPending, error } = useMutation({
    mutationFn: async () => {
      const headers = { authorization: `Bearer ${compute.apiKey}` }
      const response = await fetch(`${compute.gatewayUrl}/v1/usage?format=csv&days=${days}`, { headers })
      if (!response.ok) throw new Error(`The gateway answered ${response.status}.`)
      const url = URL.createObjectURL(await response.blob())
      const link = document.createElement('a')
      link.href = url
      link.download = `usage-${days}-days.csv`
      link.click()
      URL.revokeObjectURL(url)
    },
  })
  return (
    <>
      <button type="button" className="button button-small" disabled={isPending} onClick={() => mutate()}>
        Save as CSV
      </button>
      {error && (
        <span role="alert" className="text-bad text-sm">
          {error.message}
        </span>
      )}
    </>
  )
}
