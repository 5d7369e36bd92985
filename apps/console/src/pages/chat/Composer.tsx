/** Where the question is written: Enter asks, Shift+Enter breaks the line, Escape stops the answer. */
import type { ChatModel } from '@weightless/sdk'
import { type KeyboardEvent, useState } from 'react'

export function Composer(props: {
  model: ChatModel | undefined
  busy: boolean
  onAsk: (question: string) => void
  onStop: () => void
  /** Where it stands; at the window's edge without it. */
  place?: string
}) {
  const { model, busy, onAsk, onStop, place = 'sticky bottom-18 z-10 mt-auto sm:bottom-6' } = props
  const [text, setText] = useState('')
  const send = () => {
    if (text.trim() === '' || busy || !model) return
    onAsk(text.trim())
    setText('')
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && busy) onStop()
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send()
  }
  return (
    <form
      className={`sheet flex items-end gap-2 rounded-[1.4rem] p-2 focus-within:border-ink ${place}`}
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <textarea
        className="field-sizing-content max-h-48 min-h-10 flex-1 resize-none bg-transparent px-3 py-2 outline-none placeholder:text-mute"
        aria-label="Your question"
        placeholder={model ? 'Ask something' : 'You can ask as soon as a model is open'}
        rows={1}
        maxLength={32_000}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {busy ? (
        <button type="button" className="button" onClick={onStop}>
          Stop
        </button>
      ) : (
        <button type="submit" className="button button-solid" disabled={text.trim() === '' || !model}>
          Ask
        </button>
      )}
    </form>
  )
}
