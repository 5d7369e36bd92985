/** Models that this browser keeps, so that their answers are checked without a network; each can be given up. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { Copyable } from '../../parts/Copyable.tsx'
import { formatBytes } from '../../parts/formatAmount.ts'
import { dropKept, listKept } from '../../verify/weightStore.ts'

/** @param changes - looked at anew when it changes */
export function KeptModels({ changes }: { changes: string }) {
  const queries = useQueryClient()
  const { data } = useQuery({ queryKey: ['kept weights'], queryFn: listKept, staleTime: 0 })
  // biome-ignore lint/correctness/useExhaustiveDependencies: a check may have kept a model
  useEffect(() => void queries.invalidateQueries({ queryKey: ['kept weights'] }), [changes])
  if (!data?.length) return null
  return (
    <section aria-labelledby="kept">
      <h2 id="kept" className="heading mb-2">
        Models kept in this browser
      </h2>
      <ul className="rows">
        {data.map(({ root, sizeBytes, isWhole }) => (
          <li key={root} className="flex flex-wrap items-center gap-x-6 gap-y-1 py-3">
            <Copyable text={root} what="model root" />
            <span className="text-mute text-sm">
              {formatBytes(sizeBytes)}
              {!isWhole && ', begun'}
            </span>
            <button
              type="button"
              className="button button-small ml-auto"
              onClick={() => void dropKept(root).then(() => queries.invalidateQueries({ queryKey: ['kept weights'] }))}
            >
              Give up <span className="sr-only">{root}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
