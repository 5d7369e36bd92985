/** Weighs a shown answer with the model itself: one pass over prompt and answer, fed with the tokens that were shown. Spec: spec/fingerprint.md §4 */
import { bytesToText } from '@weightless/codec'
import { type Model, positionsMax, type Tokenizer } from '@weightless/tensor'
import { type LogprobKind, meaningOf } from './printProgram.ts'
import type { PrintedAnswer, PrintedPosition, PrintedRequest, PrintedToken } from './readPrinted.ts'
import { createPrintScale, type PrintFigures } from './weighPrint.ts'

export type WeighOptions = {
  onProgress?: (done: number, total: number) => void
  /** Awaited between passes of up to 32 positions. */
  pause?: () => Promise<void>
  signal?: AbortSignal
}

/**
 * @returns figures, or what in the answer cannot be of this model
 * @throws {ChatTemplateError} messages that the model's template does not take
 */
export async function weighAnswer(
  model: Model,
  request: PrintedRequest,
  answer: PrintedAnswer,
  kind: LogprobKind,
  options: WeighOptions = {},
): Promise<PrintFigures | { fault: string }> {
  const weighed = await weighByKinds(model, request, answer, [kind], options)
  return 'fault' in weighed ? weighed : weighed[0]!
}

/** The same by each of several meanings, in one pass; for whoever does not know what a server shows. @returns figures in the order of `kinds` */
export async function weighByKinds(
  model: Model,
  request: PrintedRequest,
  answer: PrintedAnswer,
  kinds: readonly LogprobKind[],
  { onProgress, pause, signal }: WeighOptions = {},
): Promise<PrintFigures[] | { fault: string }> {
  const prompt = model.promptTokens(request.messages)
  const vocabulary = vocabularyOf(model.tokenizer)
  const chosen = chosenTokens(model.tokenizer, vocabulary, answer)
  if (!isTextOf(model.tokenizer, chosen, answer)) return { fault: 'the tokens shown are not those of the text' }
  const inputs = [...prompt, ...chosen.slice(0, -1)]
  if (inputs.length > model.info.contextLength) return { fault: 'prompt and answer do not fit the model' }
  const { temperature, topP, top: asked } = request
  const isTellable = (token: number) => vocabulary.tellable[token] === 1
  const scales = kinds.map((kind) => createPrintScale({ temperature, topP, asked, ...meaningOf(kind) }, isTellable))
  const figures = () => scales.map((scale) => scale.figures())
  if (chosen.length === 0) return figures()
  const session = model.createSession(inputs.length)
  try {
    for (let first = 0; first < inputs.length; first += positionsMax) {
      signal?.throwIfAborted()
      const pass = inputs.slice(first, first + positionsMax)
      const from = Math.min(Math.max(0, prompt.length - 1 - first), pass.length)
      for (const [row, logits] of session.append(pass, from).entries()) {
        const index = first + from + row - (prompt.length - 1)
        const top = topOf(vocabulary, answer.positions[index]!)
        for (const scale of scales) scale.add({ logits, chosen: chosen[index]!, top })
      }
      onProgress?.(first + pass.length, inputs.length)
      await pause?.()
    }
  } finally {
    session.close()
  }
  return figures()
}

type Vocabulary = {
  /** By bytes; control tokens have none. */
  tokens: ReadonlyMap<string, number>
  /** By token, 1 where its bytes are whole characters: those of others servers do not tell. */
  tellable: Uint8Array
}

const vocabularies = new WeakMap<Tokenizer, Vocabulary>()

function vocabularyOf(tokenizer: Tokenizer): Vocabulary {
  const known = vocabularies.get(tokenizer)
  if (known) return known
  const tokens = new Map<string, number>()
  const tellable = new Uint8Array(tokenizer.vocabSize)
  for (let token = 0; token < tokenizer.vocabSize; token++) {
    const bytes = tokenizer.tokenBytes(token)
    const key = keyOf(bytes)
    if (key === '' || tokens.has(key)) continue
    tokens.set(key, token)
    if (!bytesToText(bytes).includes('\ufffd')) tellable[token] = 1
  }
  vocabularies.set(tokenizer, { tokens, tellable })
  return { tokens, tellable }
}

const keyOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

const tokenOf = ({ tokens }: Vocabulary, { bytes }: PrintedToken): number | undefined =>
  bytes && bytes.length > 0 ? tokens.get(keyOf(bytes)) : undefined

/** OpenAI's -9999 stands for what cannot be drawn. */
const logprobMin = -9_000

function topOf(vocabulary: Vocabulary, { top }: PrintedPosition): { token: number; logprob: number }[] {
  const known = top.flatMap((shown) => {
    const token = tokenOf(vocabulary, shown)
    return token === undefined || shown.logprob < logprobMin ? [] : [{ token, logprob: shown.logprob }]
  })
  const sorted = known.sort((a, b) => b.logprob - a.logprob)
  // A token that is shown twice says nothing new.
  const seen = new Set<number>()
  return sorted.filter(({ token }) => !seen.has(token) && seen.add(token))
}

/** As far as they are known: servers do not tell the bytes of a part of a character, but the text has them. */
function chosenTokens(tokenizer: Tokenizer, vocabulary: Vocabulary, { text, positions }: PrintedAnswer): number[] {
  const known = positions.map((shown) => tokenOf(vocabulary, shown))
  const until = known.indexOf(undefined)
  if (until < 0) return known as number[]
  const encoded = tokenizer.encode(text, { special: false })
  const isSame = encoded.length >= until && encoded.every((token, i) => known[i] === undefined || known[i] === token)
  return isSame && encoded.length <= known.length ? encoded : (known.slice(0, until) as number[])
}

/** What is not known at the end, or was cut off as a stop text, may be missing on one side. */
function isTextOf(tokenizer: Tokenizer, chosen: readonly number[], { text, positions }: PrintedAnswer): boolean {
  const whole = (part: string): string => part.replace(/\ufffd+$/, '')
  const [said, made] = [whole(text), whole(tokenizer.decode(chosen))]
  return made.startsWith(said) || (chosen.length < positions.length && said.startsWith(made))
}
