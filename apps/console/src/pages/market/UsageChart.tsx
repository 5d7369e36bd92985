/** Tokens read and written on each day as bars; the table below says the same in numbers. */
import type { UsageRow } from '@weightless/sdk'
import { formatCount } from '../../parts/formatAmount.ts'

const widthPx = 720
const heightPx = 150
const dayMs = 86_400_000

export function UsageChart({ rows, days }: { rows: readonly UsageRow[]; days: number }) {
  const bars = listDays(rows, days)
  const most = Math.max(1, ...bars.map(({ read, written }) => read + written))
  const step = widthPx / days
  const width = Math.max(1.5, step * 0.7)
  const scale = (tokens: number) => (tokens / most) * (heightPx - 20)
  const first = bars[0]?.date
  const last = bars.at(-1)?.date
  return (
    <figure className="sheet grid gap-2 px-5 py-4">
      <svg
        viewBox={`0 0 ${widthPx} ${heightPx}`}
        className="w-full"
        role="img"
        aria-label={`Tokens a day from ${first} to ${last}; at most ${most} on one day`}
      >
        <line x1="0" x2={widthPx} y1={heightPx - 0.5} y2={heightPx - 0.5} stroke="var(--color-edge)" />
        {bars.map(({ date, read, written }, i) => {
          const x = i * step + (step - width) / 2
          const top = heightPx - 1 - scale(read) - scale(written)
          return (
            <g key={date}>
              <title>{`${date}: ${formatCount(read)} read, ${formatCount(written)} written`}</title>
              <rect x={x} y={heightPx - 1 - scale(read)} width={width} height={scale(read)} fill="var(--color-edge)" />
              <rect x={x} y={top} width={width} height={scale(written)} fill="var(--color-lift)" />
            </g>
          )
        })}
      </svg>
      <figcaption className="flex flex-wrap justify-between gap-x-5 text-mute text-sm tabular-nums">
        <span>{first}</span>
        <span>
          <Key color="bg-edge" /> read <Key color="bg-lift" /> written, up to {formatCount(most)} tokens a day
        </span>
        <span>{last}</span>
      </figcaption>
    </figure>
  )
}

const Key = ({ color }: { color: string }) => <i className={`ml-2 inline-block size-2.5 rounded-[2px] ${color}`} />

/** Every day of the span, in UTC as the gateway counts, also those without a request. */
function listDays(rows: readonly UsageRow[], days: number) {
  const sums = new Map<string, { read: number; written: number }>()
  for (const { date, promptTokens, completionTokens } of rows) {
    const sum = sums.get(date) ?? { read: 0, written: 0 }
    sums.set(date, { read: sum.read + promptTokens, written: sum.written + completionTokens })
  }
  return Array.from({ length: days }, (_, i) => {
    const date = new Date(Date.now() - (days - 1 - i) * dayMs).toISOString().slice(0, 10)
    return { date, ...(sums.get(date) ?? { read: 0, written: 0 }) }
  })
}
