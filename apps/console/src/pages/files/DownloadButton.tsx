/** Fetches a file by its root, proves every segment in this browser, and only then hands it to the user. */
import { useMutation } from '@tanstack/react-query'
import type { Hex } from '@weightless/codec'
import { useState } from 'react'
import { useLoadClient } from '../../network/useLoadClient.ts'

export function DownloadButton({
  root,
  name,
  label = 'Download',
}: {
  root: Hex
  name: string | undefined
  label?: string
}) {
  const loadClient = useLoadClient()
  const [percent, setPercent] = useState(0)
  const { mutate, isPending, error, isSuccess } = useMutation({
    mutationFn: async () => {
      setPercent(0)
      const client = await loadClient()
      return client.files.download(root, {
        onProgress: ({ doneBytes, totalBytes }) => setPercent(Math.floor((100 * doneBytes) / Math.max(1, totalBytes))),
      })
    },
    onSuccess: (bytes) => save(bytes, name ?? `${root.slice(2, 14)}.bin`),
  })
  const says = isPending ? `${percent} %` : error ? 'Failed, again?' : isSuccess ? 'Verified ✓' : label
  return (
    <span>
      <button
        type="button"
        className={`button button-small min-w-26 ${error ? 'border-bad text-bad' : isSuccess ? 'text-good' : ''}`}
        disabled={isPending}
        onClick={() => mutate()}
        aria-label={`${says}: ${name ?? root}`}
      >
        {says}
      </button>
      <span role="status" className="sr-only">
        {isSuccess && 'Every segment was verified'}
        {error instanceof Error && error.message}
      </span>
    </span>
  )
}

function save(bytes: Uint8Array, name: string): void {
  const url = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>]))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 30_000)
}
