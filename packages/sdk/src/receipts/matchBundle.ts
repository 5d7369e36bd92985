/**
 * Whether a bundle is about the very question that was asked and the very text that was shown. A true receipt of another
 * answer verifies as well, therefore this comes first.
 */
import type { Bundle } from '@weightless/receipt'

export type ShownAnswer = {
  messages: readonly { role: string; content: string }[]
  text: string
}

/** Of an answer that was stopped, more may have been on its way than arrived. Receipts about bytes open no text to compare. */
export function matchBundle({ opening }: Bundle, { messages, text }: ShownAnswer): boolean {
  if ('kind' in opening) return false
  // Told of tools, or held to a schema, it would have been another question.
  if (opening.shape) return false
  const { outputText, finishReason } = opening
  const sameText = finishReason === 'cancelled' ? outputText.startsWith(text) : outputText === text
  return (
    sameText &&
    opening.messages.length === messages.length &&
    opening.messages.every(({ role, content }, i) => role === messages[i]?.role && content === messages[i]?.content)
  )
}
