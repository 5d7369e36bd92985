/** Every answer that was paid for from this browser, with what its receipt says. */
import { useQuery } from '@tanstack/react-query'
import { type KeptBundle, listBundles } from '../../network/keptBundles.ts'
import { Age } from '../../parts/Age.tsx'
import { Amount } from '../../parts/Amount.tsx'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { ReceiptDetail } from './ReceiptDetail.tsx'

export function Receipts() {
  const { data, error, isPending } = useQuery({ queryKey: ['receipts'], queryFn: listBundles, staleTime: 0 })
  return (
    <section aria-labelledby="receipts">
      <h2 id="receipts" className="heading mb-1">
        Receipts
      </h2>
      <p className="mb-3 text-mute text-sm">Kept in this browser with what opens them; nobody else has both.</p>
      {error && <ErrorNotice title="This browser does not let the console keep receipts" error={error} />}
      {isPending && <div className="skeleton h-20" />}
      {data?.length === 0 && (
        <Notice title="No receipts yet">Ask the model something; its receipt is kept here.</Notice>
      )}
      {data && data.length > 0 && (
        <ul className="rows">
          {data.map((kept) => (
            <ReceiptRow key={kept.receiptId} kept={kept} />
          ))}
        </ul>
      )}
    </section>
  )
}

function ReceiptRow({ kept }: { kept: KeptBundle }) {
  const { receipt, opening } = kept.bundle
  const question =
    'kind' in opening ? opening.path : (opening.messages.findLast(({ role }) => role === 'user')?.content ?? '')
  return (
    <li>
      <details className="group">
        <summary className="grid grid-cols-[minmax(0,1fr)_auto] items-baseline gap-x-5 gap-y-0.5 py-3.5 hover:text-lift-ink sm:grid-cols-[minmax(0,1fr)_9rem_8rem_4rem]">
          <span className="truncate font-[560]">{question}</span>
          <span className="hidden truncate text-mute text-sm sm:block">{opening.price.model}</span>
          <span className="text-right">
            <Amount wei={receipt.fee} />
          </span>
          <span className="hidden text-right text-mute text-sm sm:block">
            <Age seconds={receipt.timestamp} />
          </span>
        </summary>
        <ReceiptDetail kept={kept} />
      </details>
    </li>
  )
}
