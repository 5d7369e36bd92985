/** Hands a text to the user as a file. */
export function saveText(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // Some browsers read the text only after the click is over.
  setTimeout(() => URL.revokeObjectURL(url), 30_000)
}
