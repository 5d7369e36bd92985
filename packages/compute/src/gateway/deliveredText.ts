/** The answer's text as it passed through, to compare it with what the receipt says was delivered. */
import { bytesToText, concatBytes } from '@weightless/codec'

export type DeliveredText = {
  add(piece: Uint8Array): void
  /** What the client can have read; incomplete events at the end are left out. */
  text(): string
}

/** An answer has far less; beyond it the rest is not compared. */
const keptBytesMax = 16 * 1024 * 1024

export function createDeliveredText(streamed: boolean): DeliveredText {
  const pieces: Uint8Array[] = []
  let keptBytes = 0
  return {
    add(piece) {
      if (keptBytes + piece.length > keptBytesMax) return
      keptBytes += piece.length
      pieces.push(piece)
    },
    text() {
      const whole = bytesToText(concatBytes(pieces))
      if (!streamed) return contentOf(whole, 'message')
      const events = whole.split('\n\n').filter((event) => event.startsWith('data: {'))
      return events.map((event) => contentOf(event.slice('data: '.length), 'delta')).join('')
    },
  }
}

function contentOf(json: string, field: 'message' | 'delta'): string {
  try {
    const parsed = JSON.parse(json) as {
      choices?: { message?: { content?: unknown }; delta?: { content?: unknown } }[]
    }
    const content = parsed.choices?.[0]?.[field]?.content
    return typeof content === 'string' ? content : ''
  } catch {
    // Cut off in the middle: the client could not read it either.
    return ''
  }
}
