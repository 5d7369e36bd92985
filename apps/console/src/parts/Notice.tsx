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

function explain(error: unknown): { says: string; next?: string | undefined } {
  if (error instanceof WeightlessError) return { says: error.shortMessage, next: error.hint }
  if (error instanceof Error) {
    const short = 'shortMessage' in error && typeof error.shortMessage === 'string' ? error.shortMessage : error.message
    if (/failed to fetch|load failed|networkerror/i.test(short))
      return {
        says: 'The service did not answer.',
        next: 'Check that the network is running; the console tries again when you ask.',
      }
    return { says: short }
  }
  return { says: String(error) }
}
