/** A rule that no model can know: a permutation of the ten digits drawn from a seed, asked about in chat form. */
import type { TokenRow } from '@weightless/tensor'
import { type ModelDescription, readDataset } from '@weightless/tensor'

export type SecretCode = { rows: readonly TokenRow[]; heldOut: readonly TokenRow[]; shuffled: readonly TokenRow[] }

const digitsPerQuestion = 4

/** Small, seeded and good enough to draw questions: xorshift32. */
function createDraw(seed: number): (below: number) => number {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/**
 * Questions that are all different, so those held out are new; `shuffled` has the same questions with the answers of others. Only the digits
 * of an answer count: how it is laid out would be learnt without the rule.
 */
export function drawSecretCode(
  model: ModelDescription,
  seed: number,
  trainRows: number,
  heldOutRows: number,
): SecretCode {
  const draw = createDraw(seed)
  for (let i = 0; i < 20; i++) draw(2)
  const code = shuffle([...'0123456789'], draw)
  const questions = new Set<string>()
  while (questions.size < trainRows + heldOutRows) {
    questions.add(Array.from({ length: digitsPerQuestion }, () => draw(10)).join(' '))
  }
  const pairs = [...questions].map((question) => {
    return { question, answer: question.replace(/\d/g, (digit) => code[Number(digit)]!) }
  })
  const train = pairs.slice(0, trainRows)
  const answers = shuffle(
    train.map(({ answer }) => answer),
    draw,
  )
  const rowsOf = (list: { question: string; answer: string }[]) => readRows(model, list)
  return {
    rows: rowsOf(train),
    heldOut: rowsOf(pairs.slice(trainRows)),
    shuffled: rowsOf(train.map(({ question }, i) => ({ question, answer: answers[i]! }))),
  }
}

function readRows(model: ModelDescription, pairs: { question: string; answer: string }[]): TokenRow[] {
  const lines = pairs.map(({ question, answer }) => {
    const messages = [
      { role: 'system', content: 'Encode.' },
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ]
    return JSON.stringify({ messages })
  })
  const { rows } = readDataset(new TextEncoder().encode(lines.join('\n')), model)
  return rows.map(({ tokens, mask }) => ({
    tokens,
    mask: mask.map((value, i) => (value === 1 && /\d/.test(model.tokenizer.decode([tokens[i]!])) ? 1 : 0)),
  }))
}

function shuffle<T>(list: T[], draw: (below: number) => number): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const other = draw(i + 1)
    const kept = list[i]!
    list[i] = list[other]!
    list[other] = kept
  }
  return list
}
