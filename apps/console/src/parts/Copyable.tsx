/** A hash, root, address or URL in fixed-width type, shortened to fit, copied with one click. */
import { useEffect, useState } from 'react'

export function Copyable({
  text,
  short = shorten(text),
  what = 'value',
}: {
  text: string
  short?: string
  what?: string
}) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1_500)
    return () => clearTimeout(timer)
  }, [copied])
  return (
    <button
      type="button"
      title={text}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
      className="inline-flex max-w-full items-center gap-1.5 rounded text-left font-mono text-[0.8125rem] hover:text-lift-ink"
    >
      <span className="sr-only">Copy {what} </span>
      <span className="truncate">{short}</span>
      <CopyMark done={copied} />
      <span role="status" className="sr-only">
        {copied ? 'Copied' : ''}
      </span>
    </button>
  )
}

function CopyMark({ done }: { done: boolean }) {
  return (
    <svg
      viewBox="0 0 16 16"
      className={`size-3.5 shrink-0 ${done ? 'text-good' : 'text-mute'}`}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      aria-hidden="true"
    >
      {done ? (
        <path d="m3 8.5 3.2 3.2L13 4.5" strokeWidth="1.8" />
      ) : (
        <path d="M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3" strokeLinejoin="round" />
      )}
    </svg>
  )
}

/** `0x1234…cdef` of long hex; anything else as it is. */
export function shorten(text: string): string {
  return /^0x[0-9a-fA-F]{24,}$/.test(text) ? `${text.slice(0, 8)}…${text.slice(-6)}` : text
}
