/** What a page is, in one line of large type and at most one sentence. */
import type { ReactNode } from 'react'

export function PageHead({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <div className="mb-8 grid max-w-[44rem] gap-3 sm:mb-11">
      <h1 className="title">{title}</h1>
      {children && <p className="text-[1.0625rem] text-soft">{children}</p>}
    </div>
  )
}
