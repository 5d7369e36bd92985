/** What storing this file costs and means, before anything is sent. */
import type { FileQuote } from '@weightless/sdk'
import { useSigner } from '../../network/signer.ts'
import { Amount } from '../../parts/Amount.tsx'
import { shorten } from '../../parts/Copyable.tsx'
import { formatBytes } from '../../parts/formatAmount.ts'
import { ErrorNotice } from '../../parts/Notice.tsx'

export function QuoteCard(props: {
  file: File
  quote: FileQuote | undefined
  error: unknown
  onStore: () => void
  onCancel: () => void
}) {
  const { file, quote, error } = props
  const signer = useSigner()
  return (
    <div className="arrive grid gap-6 p-6 sm:p-8">
      <div className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1">
        <h2 className="text-[1.375rem] font-[300] tracking-[-0.02em]">{file.name}</h2>
        <p className="text-mute tabular-nums">{formatBytes(file.size)}</p>
      </div>
      {error !== undefined ? (
        <ErrorNotice title="No price could be had" error={error} />
      ) : (
        <dl className="grid gap-5 sm:grid-cols-3">
          <Fact name="Price, once">
            {quote ? (
              <Amount wei={quote.feeWei} className="font-[620]" />
            ) : (
              <span className="skeleton inline-block h-5 w-24" />
            )}
          </Fact>
          <Fact name="Paid by">
            {signer.kind === 'none' ? (
              'nobody yet'
            ) : (
              <span className="font-mono text-[0.8125rem]">{shorten(signer.address)}</span>
            )}
            {signer.kind === 'testKey' && <span className="text-mute"> test key</span>}
          </Fact>
          <Fact name="Kept">for good</Fact>
        </dl>
      )}
      <p className="border-lift border-l-2 pl-4 text-soft">
        <strong className="font-[620] text-ink">Stored permanently, public unless you encrypt.</strong> Anyone who
        learns the root can read the file, and nobody can take it back. Network fees for one transaction come on top.
      </p>
      <div className="flex flex-wrap gap-3">
        <button
          type="button"
          className="button button-lift"
          disabled={!quote || signer.kind === 'none'}
          onClick={props.onStore}
        >
          Store it
        </button>
        <button type="button" className="button" onClick={props.onCancel}>
          Not this one
        </button>
      </div>
      {signer.kind === 'none' && (
        <p className="text-bad">Connect a wallet on the Account page; storing needs somebody who pays.</p>
      )}
    </div>
  )
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt className="label">{name}</dt>
      <dd className="mt-0.5">{children}</dd>
    </div>
  )
}
