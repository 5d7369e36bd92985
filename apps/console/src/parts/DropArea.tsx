/** A place where files can be dropped. What stands in it has a button that does the same by keyboard: dropping is an extra for the mouse. */
import { type DragEvent, type ReactNode, useState } from 'react'

type DropAreaProps = {
  className: string
  onFiles: (files: readonly File[]) => void
  /** @param over - files hover over it */
  children: (over: boolean) => ReactNode
}

export function DropArea({ className, onFiles, children }: DropAreaProps) {
  const [over, setOver] = useState(false)
  const onDrop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    onFiles([...event.dataTransfer.files])
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: see above
    <div
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
      data-drop
      className={`transition-colors ${className} ${over ? 'bg-lift-wash' : ''}`}
    >
      {children(over)}
    </div>
  )
}
