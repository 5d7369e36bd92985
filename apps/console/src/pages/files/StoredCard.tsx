/** The file is in the network: its root, its transaction, and what was proven. */
import { Link } from '@tanstack/react-router'
import type { StoredFile } from '@weightless/sdk'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { formatBytes, formatDay } from '../../parts/formatAmount.ts'
import { showFile } from '../storage/shownFile.ts'

export function StoredCard(props: {
  file: File
  isPublic: boolean
  stored: StoredFile
  paidUntilMs: number | undefined
  onAgain: () => void
}) {
  const { file, isPublic, stored, paidUntilMs, onAgain } = props
  return (
    <div className="arrive grid gap-6 p-6 sm:p-8" role="status">
      <div>
        <p className="label text-good">Stored and proven</p>
        <h2 className="mt-1 text-[1.375rem] font-[300] tracking-[-0.02em]">{file.name}</h2>
      </div>
      <dl className="grid gap-5 sm:grid-cols-4">
        <div className="sm:col-span-4">
          <dt className="label">Root</dt>
          <dd className="mt-0.5">
            <Copyable text={stored.root} short={stored.root} what="root" />
          </dd>
        </div>
        <div>
          <dt className="label">Size</dt>
          <dd className="mt-0.5 tabular-nums">{formatBytes(file.size)}</dd>
        </div>
        <div>
          <dt className="label">Readable by</dt>
          <dd className="mt-0.5">{isPublic ? 'everybody' : 'your account alone'}</dd>
        </div>
        <div>
          <dt className="label">Paid</dt>
          <dd className="mt-0.5">{stored.txHash ? <Amount wei={stored.feeWei} /> : 'nothing: it was there already'}</dd>
        </div>
        <div>
          <dt className="label">Paid until</dt>
          <dd className="mt-0.5">{paidUntilMs === undefined ? 'for ever' : formatDay(paidUntilMs)}</dd>
        </div>
      </dl>
      <div className="flex flex-wrap gap-3">
        <button type="button" className="button button-solid" onClick={onAgain}>
          Store another
        </button>
        <Link to="/storage" className="button" onClick={() => showFile(stored.root)}>
          See where it lies
        </Link>
        {stored.txHash && (
          <Link to="/tx/$hash" params={{ hash: stored.txHash }} className="button">
            See the transaction
          </Link>
        )}
      </div>
    </div>
  )
}
