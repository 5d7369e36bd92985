/** Until when a file is paid for, and paying for more: the price is shown before the button that pays. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Hex } from '@weightless/codec'
import { useState } from 'react'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { Amount } from '../../parts/Amount.tsx'
import { formatDay, formatSpan } from '../../parts/formatAmount.ts'

export function PaidUntil(props: { root: Hex; txSeq: number; sizeBytes: number; name: string }) {
  const { root, txSeq, sizeBytes, name } = props
  const loadClient = useLoadClient()
  const [isAsking, setAsking] = useState(false)
  const { data } = useQuery({
    queryKey: ['paid-until', txSeq],
    queryFn: async () => (await (await loadClient()).files.paidUntilMs(txSeq)) ?? null,
    staleTime: 5 * 60_000,
  })
  if (data === undefined || data === null) return null
  return (
    <>
      <span className={data < Date.now() ? 'text-bad' : ''}>
        {data < Date.now() ? 'was paid until' : 'paid until'} {formatDay(data)}
      </span>
      {isAsking ? (
        <RenewQuestion root={root} txSeq={txSeq} sizeBytes={sizeBytes} name={name} onEnd={() => setAsking(false)} />
      ) : (
        <button type="button" className="link" aria-label={`Renew ${name}`} onClick={() => setAsking(true)}>
          Renew
        </button>
      )}
    </>
  )
}

function RenewQuestion(props: { root: Hex; txSeq: number; sizeBytes: number; name: string; onEnd: () => void }) {
  const { root, txSeq, sizeBytes, name, onEnd } = props
  const loadClient = useLoadClient()
  const queries = useQueryClient()
  const quote = useQuery({
    queryKey: ['quote', sizeBytes],
    queryFn: async () => (await loadClient()).files.quote(sizeBytes),
  })
  const { mutate, isPending, error } = useMutation({
    mutationFn: async () => (await loadClient()).files.renew(root),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['paid-until', txSeq] })
      onEnd()
    },
  })
  const failed = error ?? quote.error
  const says = isPending ? 'Paying …' : failed ? 'Try again' : 'Pay'
  if (!quote.data && !failed) return <span>asking for the price …</span>
  return (
    <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
      {quote.data && (
        <span className="text-ink">
          {quote.data.lifetimeMs === undefined ? 'More time' : `${formatSpan(quote.data.lifetimeMs)} more`} for{' '}
          <Amount wei={quote.data.feeWei} />?
        </span>
      )}
      {quote.data && (
        <button
          type="button"
          className="button button-small"
          disabled={isPending}
          onClick={() => mutate()}
          aria-label={`${says}: renew ${name}`}
        >
          {says}
        </button>
      )}
      <button type="button" className="link" onClick={onEnd}>
        No
      </button>
      {failed && (
        <span role="alert" className="text-bad">
          {failed instanceof Error ? failed.message : 'It did not work.'}
        </span>
      )}
    </span>
  )
}
