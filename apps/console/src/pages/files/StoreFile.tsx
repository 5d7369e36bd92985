/** Choose or drop a file, read the quote, then pay for it and watch it arrive. */
import { useRef, useState } from 'react'
import { DropArea } from '../../parts/DropArea.tsx'
import { formatBytes } from '../../parts/formatAmount.ts'
import { ErrorNotice } from '../../parts/Notice.tsx'
import { QuoteCard } from './QuoteCard.tsx'
import { StoredCard } from './StoredCard.tsx'
import { UploadSteps } from './UploadSteps.tsx'
import { useUpload } from './useUpload.ts'

export function StoreFile() {
  const { state, choose, start, cancel, reset } = useUpload()
  return (
    <section aria-label="Store a file" className="sheet overflow-hidden">
      {state.step === 'idle' && <DropZone onChoose={(file) => choose(file)} />}
      {state.step === 'quoted' && (
        <QuoteCard {...state} onPublic={(isPublic) => choose(state.file, isPublic)} onStore={start} onCancel={reset} />
      )}
      {state.step === 'uploading' && <UploadSteps {...state} onCancel={cancel} />}
      {state.step === 'stored' && <StoredCard {...state} onAgain={reset} />}
      {state.step === 'failed' && (
        <div className="grid gap-4 p-6">
          <ErrorNotice title={`${state.file.name} was not stored`} error={state.error} />
          <p className="text-soft text-sm">
            Trying again is safe: what has been paid for is not paid twice, and what has arrived is not sent again.
          </p>
          <div className="flex gap-3">
            <button type="button" className="button button-solid" onClick={start}>
              Try again
            </button>
            <button type="button" className="button" onClick={reset}>
              Choose another file
            </button>
          </div>
        </div>
      )}
    </section>
  )
}

const fileBytesMax = 512 * 1024 * 1024

function DropZone({ onChoose }: { onChoose: (file: File) => void }) {
  const input = useRef<HTMLInputElement>(null)
  const [refused, setRefused] = useState<string>()
  const offer = (file: File | undefined) => {
    if (!file) return
    if (file.size === 0) setRefused(`${file.name} is empty; there is nothing to store.`)
    else if (file.size > fileBytesMax)
      setRefused(
        `${file.name} has ${formatBytes(file.size)}. The browser takes up to 512 MiB; use the command line for more.`,
      )
    else onChoose(file)
  }
  return (
    <DropArea
      className="grid min-h-64 place-content-center justify-items-center gap-4 px-6 py-12 text-center"
      onFiles={([file]) => offer(file)}
    >
      {(over) => (
        <>
          <FloatingSheet />
          <p className="text-[1.375rem] font-[300] tracking-[-0.02em]">{over ? 'Let it go' : 'Drop a file here'}</p>
          <button type="button" className="button button-solid" onClick={() => input.current?.click()}>
            Choose a file
          </button>
          <input
            ref={input}
            type="file"
            aria-label="File to store"
            className="sr-only"
            tabIndex={-1}
            onChange={(event) => {
              offer(event.target.files?.[0])
              event.target.value = ''
            }}
          />
          <p className="max-w-[34rem] text-mute text-sm">
            You see the price before anything is sent. What you store is encrypted for your account alone, unless you
            make it public.
          </p>
          {refused && (
            <p role="alert" className="font-[560] text-bad">
              {refused}
            </p>
          )}
        </>
      )}
    </DropArea>
  )
}

function FloatingSheet() {
  return (
    <svg viewBox="0 0 72 84" className="h-20" aria-hidden="true">
      <ellipse cx="36" cy="80" rx="20" ry="2.2" fill="var(--color-well)" />
      <g className="float" fill="var(--color-sheet)" stroke="var(--color-ink)" strokeWidth="1.5" strokeLinejoin="round">
        <path d="M16 6h28l12 12v42H16z" />
        <path d="M44 6v12h12" fill="none" />
        <path d="M24 32h24M24 40h24M24 48h15" stroke="var(--color-edge)" strokeLinecap="round" />
        <circle cx="54" cy="58" r="5" fill="var(--color-lift)" stroke="none" />
      </g>
    </svg>
  )
}
