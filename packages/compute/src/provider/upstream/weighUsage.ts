/**
 * What is billed: the upstream's word where it agrees with our own count, the smaller of the two where it does not, and
 * never more than was authorised. Spec: COMPUTE §11.4
 */
import { textToBytes } from '@weightless/codec'
import type { UpstreamEngine } from '../../engine/engine.ts'
import type { BodyRequest, Units } from '../../wire/bodyRequest.ts'
import type { Reported } from './readAnswer.ts'

/** Collects the text of an answer as it passes, and counts it piece by piece. */
export type TextMeter = {
  add(text: string): void
  isEmpty(): boolean
  /** Tokens, and whether the model's own tokenizer counted them. */
  count(): Promise<{ tokens: number; bytes: number; exact: boolean }>
}

const pieceCharacters = 32_768
/** Where nothing can count: one token for so many bytes, rounded up. English has somewhat more. */
const bytesPerToken = 4

export function createTextMeter({ countTokens }: UpstreamEngine): TextMeter {
  let bytes = 0
  let pending = ''
  let exact = countTokens !== undefined
  let counting = Promise.resolve(0)

  function flush(): void {
    const piece = pending
    pending = ''
    if (!countTokens || piece === '') return
    const next = countTokens(piece).catch(() => {
      // A counter that is gone is no reason to lose the bill; the estimate serves.
      exact = false
      return 0
    })
    counting = counting.then(async (sum) => sum + (await next))
  }

  return {
    add(text) {
      if (text === '') return
      bytes += textToBytes(text).length
      pending += text
      if (pending.length >= pieceCharacters) flush()
    },
    isEmpty: () => bytes === 0,
    async count() {
      flush()
      const tokens = await counting
      return exact ? { tokens, bytes, exact } : { tokens: Math.ceil(bytes / bytesPerToken), bytes, exact: false }
    },
  }
}

export type Weighed = Units & {
  /** What the upstream claimed beyond belief. */
  lies: { what: 'prompt' | 'completion'; reported: number; counted: number }[]
}

type Own = { tokens: number; bytes: number; exact: boolean }

/** Special tokens, template and the like, which the text does not show. */
const slack = { prompt: 64, perMessage: 16, completion: 16, share: 1.15 }

export function weighUsage(
  request: BodyRequest,
  max: Units,
  reported: Reported | undefined,
  own: { prompt: Own; completion: Own },
): Weighed {
  const messages = Array.isArray(request.json?.messages) ? request.json.messages.length : request.prompts
  const promptSlack = slack.prompt * request.prompts + slack.perMessage * messages
  const completionSlack = slack.completion * request.answers * request.prompts
  const prompt = weigh(reported?.promptTokens, own.prompt, promptSlack)
  const completion = weigh(reported?.completionTokens, own.completion, completionSlack)
  return {
    promptTokens: least(BigInt(prompt.billed), max.promptTokens),
    completionTokens: least(BigInt(completion.billed), max.completionTokens),
    lies: [
      ...(prompt.isLie
        ? [{ what: 'prompt', reported: reported!.promptTokens!, counted: own.prompt.tokens } as const]
        : []),
      ...(completion.isLie
        ? [{ what: 'completion', reported: reported!.completionTokens!, counted: own.completion.tokens } as const]
        : []),
    ],
  }
}

function weigh(reported: number | undefined, own: Own, slackTokens: number): { billed: number; isLie: boolean } {
  if (reported === undefined) return { billed: own.tokens, isLie: false }
  // Without a tokenizer only the bytes bound it: a token stands for at least one.
  const believable = own.exact ? own.tokens * slack.share + slackTokens : own.bytes + slackTokens
  return reported > believable ? { billed: own.tokens, isLie: true } : { billed: reported, isLie: false }
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)

const promptKeys = ['messages', 'prompt', 'input', 'instructions', 'tools', 'functions', 'response_format', 'suffix']

/** The texts that the upstream reads, as one: what a prompt is counted by. Tokens given as numbers are counted as they are. */
export async function countPrompt(engine: UpstreamEngine, request: BodyRequest): Promise<Own> {
  const meter = createTextMeter(engine)
  let given = 0
  let isMedia = false
  const visit = (value: unknown): void => {
    if (typeof value === 'string') {
      isMedia ||= value.startsWith('data:')
      meter.add(value)
    } else if (typeof value === 'number') given++
    else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) visit(item)
  }
  // Its depth was bounded when it was read.
  for (const key of promptKeys) visit(request.json?.[key])
  const counted = await meter.count()
  // Pictures and sound cost tokens that nobody can count from outside: the size of the request bounds them.
  if (isMedia) {
    return { tokens: counted.tokens + given, bytes: request.sizeBytes, exact: false }
  }
  return { ...counted, tokens: counted.tokens + given, bytes: counted.bytes + given }
}
