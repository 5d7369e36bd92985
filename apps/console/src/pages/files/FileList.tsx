/** The user's files: names from this browser, everything else from the chain's events. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Hex } from '@weightless/codec'
import type { FileRecord as Submitted } from '@weightless/sdk'
import { useSigner } from '../../network/signer.ts'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { Age } from '../../parts/Age.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { formatBytes } from '../../parts/formatAmount.ts'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { DownloadButton } from './DownloadButton.tsx'
import { type FileRecord, useFileRecords } from './fileRecords.ts'
import { PaidUntil } from './PaidUntil.tsx'

type ListedFile = {
  root: Hex
  name: string | undefined
  sizeBytes: number
  storedAtMs: number | undefined
  isPrivate: boolean | undefined
  /** Undefined for a file that another account has paid for. */
  submitted: Submitted | undefined
}

export function FileList() {
  const loadClient = useLoadClient()
  const signer = useSigner()
  const address = signer.kind === 'none' ? undefined : signer.address
  const records = useFileRecords()
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['files', address],
    queryFn: async () => (address ? (await loadClient()).files.list(address) : []),
    refetchInterval: 15_000,
  })
  const files = join(records, data ?? [])
  return (
    <section aria-labelledby="your-files">
      <h2 id="your-files" className="heading mb-3">
        Your files
      </h2>
      {error && <ErrorNotice title="The chain's list of your files cannot be read" error={error} onRetry={refetch} />}
      {files.length > 0 ? (
        <ul className="rows">
          {files.map((file) => (
            <FileRow key={file.root} file={file} />
          ))}
        </ul>
      ) : isPending ? (
        <div className="skeleton h-20" />
      ) : (
        !error && <Notice title="No files yet">What you store appears here, with its root and its transaction.</Notice>
      )}
    </section>
  )
}

function FileRow({ file }: { file: ListedFile }) {
  const { root, name, sizeBytes, isPrivate, storedAtMs, submitted } = file
  const known = name ?? 'file stored elsewhere'
  return (
    <li className="grid grid-cols-[1fr_auto] items-center gap-x-4 gap-y-1.5 py-4">
      <p className="flex items-center gap-2.5">
        <span className={`truncate ${name ? 'font-[560]' : 'text-mute'}`}>
          {name ?? 'stored elsewhere, name unknown'}
        </span>
        {isPrivate !== undefined && (
          <span className="shrink-0 rounded-full border border-line px-2 text-[0.8125rem] text-mute">
            {isPrivate ? 'private' : 'public'}
          </span>
        )}
      </p>
      <DownloadButton root={root} name={name} />
      <div className="col-span-2 flex flex-wrap items-center gap-x-4 gap-y-1 text-mute text-sm tabular-nums">
        <span>{formatBytes(sizeBytes)}</span>
        {storedAtMs !== undefined && (
          <span>
            stored <Age seconds={storedAtMs / 1000} />
          </span>
        )}
        {submitted && <PaidUntil root={root} txSeq={submitted.txSeq} sizeBytes={submitted.sizeBytes} name={known} />}
        {submitted && (
          <Link
            to="/tx/$hash"
            params={{ hash: submitted.txHash }}
            className="link"
            aria-label={`on chain: transaction of ${known}`}
          >
            on chain
          </Link>
        )}
        <Copyable text={root} what="root" />
      </div>
    </li>
  )
}

function join(records: readonly FileRecord[], submissions: readonly Submitted[]): ListedFile[] {
  const onChain = new Map(submissions.map((each) => [each.root, each]))
  const named = records.map(({ root, name, sizeBytes, storedAtMs, isPrivate }) => {
    const submitted = onChain.get(root)
    return { root, name, sizeBytes, storedAtMs, isPrivate: submitted?.isPrivate ?? isPrivate, submitted }
  })
  const known = new Set(records.map(({ root }) => root))
  const others = submissions.filter(({ root }) => !known.has(root))
  const unnamed = { name: undefined, storedAtMs: undefined }
  return [
    ...named,
    ...others.map((submitted) => {
      const { root, sizeBytes, isPrivate } = submitted
      return { ...unnamed, root, sizeBytes, isPrivate, submitted }
    }),
  ]
}
