/** Names and values, one row each: the body of every detail page. */
import type { ReactNode } from 'react'

export function Facts({ children }: { children: ReactNode }) {
  return <dl className="rows">{children}</dl>
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="grid gap-x-6 gap-y-0.5 py-3 sm:grid-cols-[12rem_minmax(0,1fr)]">
      <dt className="text-mute">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </div>
  )
}
