/** A sentence about something that is empty, wrong or waiting, with the next step beside it. */
import { WeightlessError } from '@weightless/codec'
import type { ReactNode } from 'react'

export function Notice({
  kind = 'plain',
  title,
  children,
}: {
  kind?: 'plain' | 'bad'
  title: string
  children?: ReactNode
}) {
  const look = kind === 'bad' ? 'border-bad bg-bad-wash' : 'border-line bg-sheet'
  return (
    <div role={kind === 'bad' ? 'alert' : undefined} className={`arrive rounded-xl border px-5 py-4 ${look}`}>
      <p className={`font-[620] ${kind === 'bad' ? 'text-bad' : ''}`}>{title}</p>
      {children && <div className="mt-1 text-soft">{children}</div>}
    </div>
  )
}

/** Says an error in the words of the code that threw it, and its hint as the next step. */
export function ErrorNotice({ title, error, onRetry }: { title: string; error: unknown; onRetry?: () => void }) {
  const { says, next } = explain(error)
  return (
    <Notice kind="bad" title={title}>
      <p>{says}</p>
      {next && <p className="mt-1">{next}</p>}
      {onRetry && (
        <button type="button" className="button button-small mt-3" onClick={onRetry}>
          Try again
        </button>
      )}
    </Notice>
  )
}

const networkHint = 'Check that the network is running, then try again.'

function explain(error: unknown): { says: string; next?: string | undefined } {
  if (error instanceof WeightlessError) {
    const silent = error.code === 'env/network' || error.code === 'ledger/unreachable'
    if (!silent) return { says: error.shortMessage, next: error.hint }
    const inTime = error.facts.reason === 'timeout' ? ' in time' : ''
    return { says: `The service did not answer${inTime}.`, next: networkHint }
  }
  if (error instanceof Error) {
    const short = 'shortMessage' in error && typeof error.shortMessage === 'string' ? error.shortMessage : error.message
    if (/failed to fetch|load failed|networkerror/i.test(short))
      return { says: 'The service did not answer.', next: networkHint }
    return { says: short }
  }
  return { says: String(error) }
}
