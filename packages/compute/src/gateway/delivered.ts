/** The answer as it passed through, to compare it with what its receipt says was delivered. COMPUTE §10.8 */
import { bytesToHex, bytesToText, concatBytes } from '@weightless/codec'
import { createSha256 } from '@weightless/crypto'
import type { Bundle } from '@weightless/receipt'
import type { ServicePath } from '../wire/services.ts'

export type Delivered = {
  add(piece: Uint8Array): void
  /** Nothing more comes: the provider's answer was read to its end. */
  end(): void
  /** `[DONE]` was the last that came. */
  isDone(): boolean
  /** Why the receipt is not for this answer; undefined when it is. */
  differsFrom(bundle: Bundle): string | undefined
}

/** A text has far less; beyond it the rest is compared by its hash alone, where there is one. */
const keptBytesMax = 16 * 1024 * 1024
const tailBytes = 64

export function createDelivered(path: ServicePath, streamed: boolean): Delivered {
  const pieces: Uint8Array[] = []
  const hash = createSha256()
  let keptBytes = 0
  let ended = false
  let tail = ''

  function text(): string {
    const whole = bytesToText(concatBytes(pieces))
    if (!streamed) return wholeText(path, parse(whole))
    return whole
      .split('\n\n')
      .map((event) => eventText(path, parse(dataOf(event))))
      .join('')
  }

  return {
    add(piece) {
      hash.update(piece)
      if (streamed) tail = (tail + bytesToText(piece.subarray(-tailBytes))).slice(-tailBytes)
      if (keptBytes + piece.length > keptBytesMax) return
      keptBytes += piece.length
      pieces.push(piece)
    },
    end: () => {
      ended = true
    },
    isDone: () => /data: ?\[DONE\]\s*$/.test(tail),
    differsFrom({ opening }) {
      if ('kind' in opening) {
        // Of an answer that broke off, a part may have been lost on the way.
        if (!ended) return undefined
        return bytesToHex(hash.digest()) === opening.responseSha256 ? undefined : 'its bytes are not those delivered'
      }
      const { outputText, finishReason } = opening
      const delivered = text()
      // A client that leaves may have been sent less than the provider had on its way to it.
      const same =
        outputText.startsWith(delivered) || (finishReason === 'cancelled' && delivered.startsWith(outputText))
      return same ? undefined : 'its text is not the text that was delivered'
    },
  }
}

type Spoken = {
  choices?: { text?: unknown; message?: { content?: unknown }; delta?: { content?: unknown } }[]
  output?: { content?: { text?: unknown }[] }[]
  type?: unknown
  delta?: unknown
}

function wholeText(path: ServicePath, { choices, output }: Spoken): string {
  if (path === '/v1/responses') return textOf(output?.[0]?.content?.[0]?.text)
  return textOf(path === '/v1/completions' ? choices?.[0]?.text : choices?.[0]?.message?.content)
}

function eventText(path: ServicePath, { choices, type, delta }: Spoken): string {
  if (path === '/v1/responses') return type === 'response.output_text.delta' ? textOf(delta) : ''
  return textOf(path === '/v1/completions' ? choices?.[0]?.text : choices?.[0]?.delta?.content)
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The Responses API names its events in a line before. */
function dataOf(event: string): string {
  return /^(?:event: [^\n]*\n)?data: (\{.*)$/s.exec(event)?.[1] ?? ''
}

function parse(json: string): Spoken {
  try {
    return (JSON.parse(json) ?? {}) as Spoken
  } catch {
    // Cut off in the middle, or no event of the answer: the client could not read it either.
    return {}
  }
}
