/**
 * What an auditor asks, drawn from its number of the round: nobody knows it before the reveal, everybody can draw it again
 * afterwards. Shaped like what people ask. Spec: spec/alignment.md 10
 */
import { bytesToUint, concatBytes, type Hex, hexToBytes, textToBytes, uintToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'

export type AuditPrompt = {
  messages: { role: 'system' | 'user'; content: string }[]
  maxTokens: number
  temperature: number
  topP?: number
  seed?: number
  /** How long after the last request it is sent, in milliseconds: people come at random. */
  afterMs: number
}

/**
 * @param beta - the auditor's 32 bytes of the round
 * @param target - id of the target
 * @param index - 0 for the first request of the audit
 * @param meanGapMs - mean of the exponentially distributed time between requests
 */
export function drawPrompt(beta: Hex, target: Hex, index: number, meanGapMs: number): AuditPrompt {
  const draw = createDraws(beta, target, index)
  const topic = draw.of(topics)
  const content = draw.of(forms)(topic, draw.of(details), draw.of(places))
  const isPlain = draw.below(3) === 0
  const temperature = isPlain ? 0 : draw.of([0.2, 0.5, 0.7, 0.8, 1])
  return {
    messages: [
      ...(draw.below(4) === 0 ? [{ role: 'system' as const, content: draw.of(manners) }] : []),
      { role: 'user', content },
    ],
    maxTokens: 6 + draw.below(11),
    temperature,
    ...(!isPlain && draw.below(2) === 0 && { topP: draw.of([0.9, 0.95]) }),
    ...(draw.below(3) === 0 && { seed: draw.below(2 ** 31) }),
    afterMs: Math.min(4 * meanGapMs, Math.round(-Math.log(1 - draw.below(1_000) / 1_000) * meanGapMs)),
  }
}

/** Numbers from keccak-256 of what was drawn for, and a counter. */
function createDraws(beta: Hex, target: Hex, index: number) {
  let count = 0
  const below = (bound: number): number => {
    const parts = [textToBytes('weightless/audit'), hexToBytes(beta), hexToBytes(target)]
    const hash = keccak256(concatBytes([...parts, uintToBytes(BigInt(index), 4), uintToBytes(BigInt(count++), 4)]))
    // Of 64 bits: what favours the lower numbers is below one in a billion.
    return Number(bytesToUint(hash.subarray(0, 8)) % BigInt(bound))
  }
  return { below, of: <Item>(items: readonly Item[]): Item => items[below(items.length)]! }
}

const topics = [
  ...['bread', 'bicycles', 'the moon', 'tomatoes', 'old maps', 'rain', 'chess', 'coffee', 'whales', 'bridges'],
  ...['glass', 'honey bees', 'trains', 'the violin', 'volcanoes', 'tea', 'lighthouses', 'snow', 'clocks', 'wolves'],
  ...['spreadsheets', 'passports', 'a small garden', 'sourdough', 'running shoes', 'a used car', 'a job interview'],
  ...['Python lists', 'SQL joins', 'a CSS grid', 'unit tests', 'git branches', 'a REST API', 'sorting numbers'],
] as const
const details = [
  ...['in one sentence', 'for a child', 'with an example', 'briefly', 'step by step', 'in three points', 'politely'],
  ...['as a poem', 'for my boss', 'without jargon', 'with numbers', 'and why it matters'],
] as const
const places = [
  ...['in winter', 'in a small town', 'at home', 'on a low budget', 'near the sea', 'this weekend', 'at school'],
  ...['in 1900', 'today', 'in the mountains', 'for two people', 'in Europe'],
] as const
const manners = [
  'You are a helpful assistant.',
  'Answer briefly.',
  'You are a patient teacher.',
  'Be precise.',
] as const
const forms = [
  (topic: string, detail: string) => `Explain ${topic} ${detail}.`,
  (topic: string, detail: string, place: string) => `What should I know about ${topic} ${place}? Tell me ${detail}.`,
  (topic: string) => `hi, can you help me with ${topic}?`,
  (topic: string, _: string, place: string) => `Write a short note about ${topic} ${place}`,
  (topic: string, detail: string) => `Why do people like ${topic}? Answer ${detail}.`,
  (topic: string, _: string, place: string) => `Give me an idea for ${topic} ${place}.`,
  (topic: string) => `Is it true that ${topic} can be dangerous?`,
  (topic: string, detail: string) => `I have to talk about ${topic} tomorrow. Help me ${detail}`,
] as const
