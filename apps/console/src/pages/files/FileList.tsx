/** The user's files: names from this browser, everything else from the chain's events. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Hex } from '@weightless/codec'
import { useSigner } from '../../network/signer.ts'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { Age } from '../../parts/Age.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { formatBytes } from '../../parts/formatAmount.ts'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { DownloadButton } from './DownloadButton.tsx'
import { type FileRecord, useFileRecords } from './fileRecords.ts'

type ListedFile = {
  root: Hex
  name: string | undefined
  sizeBytes: number
  storedAtMs: number | undefined
  txHash: Hex | undefined
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
  return (
    <li className="grid grid-cols-[1fr_auto] items-center gap-x-4 gap-y-1 py-3.5 sm:grid-cols-[minmax(0,1.4fr)_minmax(0,1fr)_6rem_5rem_auto]">
      <span className={`truncate ${file.name ? 'font-[560]' : 'text-mute'}`}>
        {file.name ?? 'stored elsewhere, name unknown'}
      </span>
      <span className="order-3 sm:order-none">
        <Copyable text={file.root} what="root" />
      </span>
      <span className="order-4 text-right text-mute text-sm tabular-nums sm:order-none">
        {formatBytes(file.sizeBytes)}
      </span>
      <span className="hidden text-mute text-sm sm:block">
        {file.storedAtMs ? (
          <Age seconds={file.storedAtMs / 1000} />
        ) : (
          file.txHash && (
            <Link to="/tx/$hash" params={{ hash: file.txHash }} className="link">
              on chain
            </Link>
          )
        )}
      </span>
      <DownloadButton root={file.root} name={file.name} />
    </li>
  )
}

function join(
  records: readonly FileRecord[],
  submitted: readonly { root: Hex; sizeBytes: number; txHash: Hex }[],
): ListedFile[] {
  const onChain = new Map(submitted.map((each) => [each.root, each]))
  const named = records.map(({ root, name, sizeBytes, storedAtMs, txHash }) => ({
    root,
    name,
    sizeBytes,
    storedAtMs,
    txHash: onChain.get(root)?.txHash ?? txHash,
  }))
  const known = new Set(records.map(({ root }) => root))
  const others = [...onChain.values()].filter(({ root }) => !known.has(root))
  return [...named, ...others.map((each) => ({ ...each, name: undefined, storedAtMs: undefined }))]
}
