/** The answer as it passed through, to compare it with what its receipt says was delivered. COMPUTE §10.8 */
import { bytesToHex, bytesToText, concatBytes } from '@weightless/codec'
import { createSha256, type Sha256Stream, sha256 } from '@weightless/crypto'
import { type Bundle, choicesOf } from '@weightless/receipt'
import { readToolCalls } from '@weightless/tensor'
import type { ServicePath } from '../wire/services.ts'
import { type Calls, readResponse, type SpokenResponse, textOf } from './deliveredResponse.ts'

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
  // Most answers are one piece, which is hashed in one call when its receipt is here.
  let only: Uint8Array | undefined
  let hash: Sha256Stream | undefined
  let keptBytes = 0
  let ended = false
  let tail = ''

  function spoken(): Spoken[] {
    const whole = bytesToText(concatBytes(pieces))
    return streamed ? whole.split('\n\n').map((event) => parse(dataOf(event))) : [parse(whole)]
  }

  return {
    add(piece) {
      if (!only) only = piece
      else {
        hash ??= hashOf(only)
        hash.update(piece)
      }
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
        const digest = hash ? hash.digest() : sha256(only ?? new Uint8Array())
        return bytesToHex(digest) === opening.responseSha256 ? undefined : 'its bytes are not those delivered'
      }
      const said = spoken()
      const hasTools = (opening.shape?.tools ?? '') !== ''
      for (const [choice, { outputText, finishReason }] of choicesOf(opening).entries()) {
        const promised = hasTools ? joinCalls(readToolCalls(outputText)) : outputText
        // A client that leaves may have been sent less than the provider had on its way to it.
        const isOf = (delivered: string): boolean =>
          promised.startsWith(delivered) || (finishReason === 'cancelled' && delivered.startsWith(promised))
        const told = path === '/v1/responses' ? readResponse(said, streamed) : [readChoice(path, said, choice)]
        if (!told.map(joinCalls).every(isOf)) return 'its text is not the text that was delivered'
      }
      return undefined
    },
  }
}

function hashOf(piece: Uint8Array): Sha256Stream {
  const hash = createSha256()
  hash.update(piece)
  return hash
}

type Spell = {
  content?: unknown
  tool_calls?: { index?: unknown; function?: { name?: unknown; arguments?: unknown } }[]
}
type Said = { index?: unknown; text?: unknown; message?: Spell; delta?: Spell }

type Spoken = { choices?: Said[] } & SpokenResponse

/** Text and calls of one answer, whole or in pieces. */
function readChoice(path: ServicePath, said: readonly Spoken[], choice: number): Calls {
  const parts = said.flatMap(({ choices }) =>
    (Array.isArray(choices) ? choices : []).filter((own) => (own?.index ?? 0) === choice),
  )
  const gathered: Calls = { content: '', calls: [] }
  for (const part of parts) {
    const { content, tool_calls: calls } = part.message ?? part.delta ?? {}
    gathered.content += textOf(path === '/v1/completions' ? part.text : content)
    for (const [at, call] of (Array.isArray(calls) ? calls : []).entries()) {
      const index = part.message ? at : call?.index
      if (index === gathered.calls.length) gathered.calls.push({ name: '', arguments: '' })
      const known = typeof index === 'number' ? gathered.calls[index] : undefined
      if (!known) continue
      known.name += textOf(call?.function?.name)
      known.arguments += textOf(call?.function?.arguments)
    }
  }
  return gathered
}

/** So that what was delivered in part is the beginning of the whole. */
const joinCalls = ({ content, calls }: Calls): string =>
  content + calls.map((call) => `\0${call.name}\0${call.arguments}`).join('')

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
