/** Fetches any file of the network by the root that somebody gave you. */
import { isHexOf } from '@weightless/codec'
import { useState } from 'react'
import { DownloadButton } from './DownloadButton.tsx'

export function FetchByRoot() {
  const [text, setText] = useState('')
  const root = text.trim()
  const wrong = root !== '' && !isHexOf(root, 32)
  return (
    <section aria-labelledby="by-root" className="grid gap-3">
      <h2 id="by-root" className="heading">
        Fetch by root
      </h2>
      <div className="flex flex-wrap items-start gap-3">
        <div className="min-w-0 flex-[1_1_20rem]">
          <input
            className="field font-mono text-[0.8125rem]"
            aria-label="Root of the file"
            aria-invalid={wrong}
            aria-describedby="by-root-hint"
            placeholder="0x…"
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <p id="by-root-hint" className={`mt-1.5 text-sm ${wrong ? 'text-bad' : 'text-mute'}`}>
            {wrong ? 'A root is 0x and 64 hex digits.' : 'The bytes are checked against it here, in your browser.'}
          </p>
        </div>
        {isHexOf(root, 32) && <DownloadButton key={root} root={root} name={undefined} label="Fetch and verify" />}
      </div>
    </section>
  )
}
