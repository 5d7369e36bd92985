/** What storing this file costs and means, who will be able to read it, and for how long it is paid: before anything is sent. */
import type { FileQuote } from '@weightless/sdk'
import { useSigner } from '../../network/signer.ts'
import { Amount } from '../../parts/Amount.tsx'
import { shorten } from '../../parts/Copyable.tsx'
import { formatBytes, formatDay, formatSpan } from '../../parts/formatAmount.ts'
import { ErrorNotice } from '../../parts/Notice.tsx'
import { PrivacyChoice } from './PrivacyChoice.tsx'

export function QuoteCard(props: {
  file: File
  isPublic: boolean
  quote: FileQuote | undefined
  error: unknown
  onPublic: (isPublic: boolean) => void
  onStore: () => void
  onCancel: () => void
}) {
  const { file, isPublic, quote, error } = props
  const signer = useSigner()
  const asksWallet = signer.kind === 'wallet' && !isPublic
  return (
    <div className="arrive grid gap-7 p-6 sm:p-8">
      <div className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1">
        <h2 className="text-[1.375rem] font-[300] tracking-[-0.02em]">{file.name}</h2>
        <p className="text-mute tabular-nums">{formatBytes(file.size)}</p>
      </div>
      <PrivacyChoice isPublic={isPublic} onChange={props.onPublic} />
      {error !== undefined ? (
        <ErrorNotice title="No price could be had" error={error} />
      ) : (
        <dl className="grid gap-5 sm:grid-cols-3">
          <Fact name="Price">
            <Loaded value={quote}>{({ feeWei }) => <Amount wei={feeWei} className="font-[620]" />}</Loaded>
          </Fact>
          <Fact name="Paid for">
            <Loaded value={quote}>{(known) => <PaidFor lifetimeMs={known.lifetimeMs} />}</Loaded>
          </Fact>
          <Fact name="Paid by">
            {signer.kind === 'none' ? (
              'nobody yet'
            ) : (
              <span className="font-mono text-[0.8125rem]">{shorten(signer.address)}</span>
            )}
            {signer.kind === 'testKey' && <span className="text-mute"> test key</span>}
          </Fact>
        </dl>
      )}
      <p className="border-lift border-l-2 pl-4 text-soft">
        <strong className="font-[620] text-ink">Storing cannot be undone.</strong> Copies may outlive the time that is
        paid for, and nobody can take them back.{' '}
        {isPublic ? 'That holds for what it says, too.' : 'What they say stays with you.'} The fee of one transaction
        comes on top.
      </p>
      <div className="flex flex-wrap gap-3">
        <button
          type="button"
          className="button button-lift"
          disabled={!quote || signer.kind === 'none'}
          onClick={props.onStore}
        >
          {isPublic ? 'Store it for all to read' : 'Encrypt and store it'}
        </button>
        <button type="button" className="button" onClick={props.onCancel}>
          Not this one
        </button>
      </div>
      {asksWallet && (
        <p className="text-mute text-sm">
          Your wallet will ask twice: first to sign a message, from which the key of your private files is made (it
          costs nothing and sends nothing), then to pay.
        </p>
      )}
      {signer.kind === 'none' && (
        <p className="text-bad">Connect a wallet on the Account page; storing needs somebody who pays.</p>
      )}
    </div>
  )
}

function PaidFor({ lifetimeMs }: { lifetimeMs: number | undefined }) {
  if (lifetimeMs === undefined) return <>good</>
  return (
    <>
      {formatSpan(lifetimeMs)}
      <span className="text-mute"> until {formatDay(Date.now() + lifetimeMs)}, renewable</span>
    </>
  )
}

function Loaded<Value>({ value, children }: { value: Value | undefined; children: (value: Value) => React.ReactNode }) {
  return value === undefined ? <span className="skeleton inline-block h-5 w-24" /> : children(value)
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt className="label">{name}</dt>
      <dd className="mt-0.5">{children}</dd>
    </div>
  )
}
