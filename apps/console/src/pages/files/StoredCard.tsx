/** The file is in the network: its root, its transaction, and what was proven. */
import { Link } from '@tanstack/react-router'
import type { StoredFile } from '@weightless/sdk'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { formatBytes } from '../../parts/formatAmount.ts'

export function StoredCard({ file, stored, onAgain }: { file: File; stored: StoredFile; onAgain: () => void }) {
  return (
    <div className="arrive grid gap-6 p-6 sm:p-8" role="status">
      <div>
        <p className="label text-good">Stored and proven</p>
        <h2 className="mt-1 text-[1.375rem] font-[300] tracking-[-0.02em]">{file.name}</h2>
      </div>
      <dl className="grid gap-5 sm:grid-cols-[1fr_auto_auto]">
        <div className="min-w-0">
          <dt className="label">Root</dt>
          <dd className="mt-0.5">
            <Copyable text={stored.root} short={stored.root} what="root" />
          </dd>
        </div>
        <div>
          <dt className="label">Size</dt>
          <dd className="mt-0.5 tabular-nums">{formatBytes(stored.sizeBytes)}</dd>
        </div>
        <div>
          <dt className="label">Paid</dt>
          <dd className="mt-0.5">{stored.txHash ? <Amount wei={stored.feeWei} /> : 'nothing: it was there already'}</dd>
        </div>
      </dl>
      <div className="flex flex-wrap gap-3">
        <button type="button" className="button button-solid" onClick={onAgain}>
          Store another
        </button>
        {stored.txHash && (
          <Link to="/tx/$hash" params={{ hash: stored.txHash }} className="button">
            See the transaction
          </Link>
        )}
      </div>
    </div>
  )
}
