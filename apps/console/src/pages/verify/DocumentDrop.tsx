/** Takes a bundle, a verdict, and what belongs to them: by drop, by choice, or pasted as text. */
import { useId, useRef, useState } from 'react'
import { DropArea } from '../../parts/DropArea.tsx'
import { Notice } from '../../parts/Notice.tsx'
import type { Inputs } from './useInputs.ts'

type DropProps = { inputs: Inputs; onOffer: (files: readonly File[]) => Promise<void>; onAnother: () => void }

export function DocumentDrop({ inputs, onOffer, onAnother }: DropProps) {
  const input = useRef<HTMLInputElement>(null)
  const [pasting, setPasting] = useState(false)
  const { document, fault } = inputs
  return (
    <DropArea
      className={`grid justify-items-center gap-4 rounded-xl border border-edge border-dashed px-6 text-center ${document ? 'py-6' : 'py-12'}`}
      onFiles={(files) => void onOffer(files)}
    >
      {(over) => (
        <>
          {document ? (
            <p className="text-[1.125rem]" role="status">
              <span className="font-[560]">{document.name}</span>
            </p>
          ) : (
            <p className="text-[1.375rem] font-[300] tracking-[-0.02em]">
              {over ? 'Let it go' : 'Drop a bundle or a verdict here'}
            </p>
          )}
          <div className="flex flex-wrap justify-center gap-2.5">
            <button
              type="button"
              className={`button ${document ? '' : 'button-solid'}`}
              onClick={() => input.current?.click()}
            >
              {document ? 'Add a file' : 'Choose a file'}
            </button>
            {document ? (
              <button type="button" className="button" onClick={onAnother}>
                Check something else
              </button>
            ) : (
              <button type="button" className="button" aria-expanded={pasting} onClick={() => setPasting(!pasting)}>
                Paste it
              </button>
            )}
          </div>
          <input
            ref={input}
            type="file"
            multiple
            aria-label="Bundle, verdict or model"
            className="sr-only"
            tabIndex={-1}
            onChange={(event) => {
              void onOffer([...(event.target.files ?? [])])
              event.target.value = ''
            }}
          />
          {pasting && !document && <PasteBox onOffer={onOffer} />}
          {!document && (
            <p className="max-w-[36rem] text-mute text-sm">
              A bundle is what a chat saves: receipt, signature, and what opens it. A verdict is what a dispute ends in.
              Both are JSON. A model’s GGUF may come along.
            </p>
          )}
          {fault && (
            <Notice kind="bad" title={fault.name}>
              {fault.says}
            </Notice>
          )}
        </>
      )}
    </DropArea>
  )
}

function PasteBox({ onOffer }: Pick<DropProps, 'onOffer'>) {
  const [text, setText] = useState('')
  const id = useId()
  return (
    <form
      className="grid w-full max-w-[36rem] gap-2.5 text-left"
      onSubmit={(event) => {
        event.preventDefault()
        void onOffer([new File([text], 'pasted.json')])
      }}
    >
      <label htmlFor={id} className="label">
        The bundle or the verdict, as text
      </label>
      <textarea
        id={id}
        rows={5}
        spellCheck={false}
        className="field font-mono text-[0.8125rem]"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit" className="button w-fit" disabled={text.trim() === ''}>
        Read it
      </button>
    </form>
  )
}
