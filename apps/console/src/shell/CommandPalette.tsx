/** Ctrl+K: goes to a page, a block, a transaction or an address, and changes the theme, without the mouse. */
import { useNavigate } from '@tanstack/react-router'
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react'
import { digitOf, places } from './places.ts'
import { setTheme } from './theme.ts'

type Command = { name: string; says: string; run: () => void }

export function openCommandPalette(): void {
  window.dispatchEvent(new Event('weightless:palette'))
}

export function CommandPalette() {
  const dialog = useRef<HTMLDialogElement>(null)
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const listId = useId()
  const found = useCommands(text)
  const chosen = found[Math.min(at, found.length - 1)]
  useOpenKeys(dialog, () => {
    setText('')
    setAt(0)
  })
  const run = (command: Command | undefined) => {
    if (!command) return
    dialog.current?.close()
    command.run()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step !== 0) {
      event.preventDefault()
      setAt((now) => (now + step + found.length) % Math.max(found.length, 1))
    }
    if (event.key === 'Enter') {
      event.preventDefault()
      run(chosen)
    }
  }
  return (
    <dialog
      ref={dialog}
      aria-label="Search and commands"
      onClick={(event) => event.target === dialog.current && dialog.current.close()}
      onKeyDown={() => {}}
      className="sheet mx-auto mt-[12vh] w-[min(34rem,calc(100vw-2rem))] p-0 text-ink"
    >
      <input
        className="w-full bg-transparent px-5 py-4 text-lg outline-none placeholder:text-mute"
        placeholder="A page, block number, transaction or address"
        aria-label="Page, block, transaction or address"
        role="combobox"
        aria-expanded="true"
        aria-controls={listId}
        aria-activedescendant={chosen ? `${listId}-${found.indexOf(chosen)}` : undefined}
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setAt(0)
        }}
        onKeyDown={onKeyDown}
        spellCheck={false}
      />
      <CommandList id={listId} commands={found} chosen={chosen} onPick={run} />
    </dialog>
  )
}

function CommandList(props: {
  id: string
  commands: Command[]
  chosen: Command | undefined
  onPick: (c: Command) => void
}) {
  if (props.commands.length === 0)
    return <p className="border-line border-t px-5 py-4 text-mute">Nothing matches. Try a block number or a 0x hash.</p>
  return (
    <div
      id={props.id}
      role="listbox"
      aria-label="Commands"
      className="max-h-[50vh] overflow-y-auto border-line border-t p-2"
    >
      {props.commands.map((command, i) => (
        <div
          key={command.name}
          id={`${props.id}-${i}`}
          role="option"
          tabIndex={-1}
          aria-selected={command === props.chosen}
          onMouseDown={() => props.onPick(command)}
          className="flex cursor-pointer items-baseline justify-between gap-4 rounded-lg px-3 py-2 hover:bg-well aria-selected:bg-well"
        >
          <span className="font-[560]">{command.name}</span>
          <span className="truncate text-mute text-sm">{command.says}</span>
        </div>
      ))}
    </div>
  )
}

function useCommands(text: string): Command[] {
  const navigate = useNavigate()
  const wanted = text.trim()
  if (/^\d{1,15}$/.test(wanted))
    return [
      {
        name: `Block ${wanted}`,
        says: 'Open',
        run: () => navigate({ to: '/block/$block', params: { block: wanted } }),
      },
    ]
  if (/^0x[0-9a-fA-F]{64}$/.test(wanted))
    return [
      { name: 'Transaction', says: wanted, run: () => navigate({ to: '/tx/$hash', params: { hash: wanted } }) },
      { name: 'Block', says: wanted, run: () => navigate({ to: '/block/$block', params: { block: wanted } }) },
    ]
  if (/^0x[0-9a-fA-F]{40}$/.test(wanted))
    return [
      { name: 'Address', says: wanted, run: () => navigate({ to: '/address/$address', params: { address: wanted } }) },
    ]
  const all: Command[] = [
    ...places.map((place, i) => ({
      name: place.name,
      says: `${place.says} · Alt+${digitOf(i)}`,
      run: () => void navigate({ to: place.to }),
    })),
    { name: 'Currency', says: 'Show prices in EUR or USD too', run: () => void navigate({ to: '/account' }) },
    { name: 'Light theme', says: 'Appearance', run: () => setTheme('light') },
    { name: 'Dark theme', says: 'Appearance', run: () => setTheme('dark') },
    { name: 'System theme', says: 'Appearance', run: () => setTheme('system') },
  ]
  return all.filter((command) => `${command.name} ${command.says}`.toLowerCase().includes(wanted.toLowerCase()))
}

function useOpenKeys(dialog: React.RefObject<HTMLDialogElement | null>, onOpen: () => void) {
  useEffect(() => {
    const open = () => {
      if (dialog.current?.open) return
      onOpen()
      dialog.current?.showModal()
    }
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey)) return
      event.preventDefault()
      open()
    }
    window.addEventListener('weightless:palette', open)
    window.addEventListener('keydown', onKey)
    return () => {
      window.removeEventListener('weightless:palette', open)
      window.removeEventListener('keydown', onKey)
    }
  })
}
