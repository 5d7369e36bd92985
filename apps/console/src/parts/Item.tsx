/** One figure with its name, in a list of such. */
import type { ReactNode } from 'react'

export function Item({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="label">{name}</dt>
      <dd className="tabular-nums">{children}</dd>
    </div>
  )
}
