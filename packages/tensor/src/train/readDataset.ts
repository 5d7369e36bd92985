/**
 * Reads training data, one JSON object a line, into rows of tokens with the mask of those to learn. In conversations only the
 * assistant's tokens are learnt, up to the one that ends its turn. Spec: spec/training.md §1.
 */
import { WeightlessError } from '@weightless/codec'
import type { ChatMessage } from '../chat/chatMessage.ts'
import type { ModelDescription } from '../model/loadModel.ts'
import { bareRow } from './bareRow.ts'
import type { TokenRow } from './forwardPass.ts'
import { readTrainingLines, type TrainingLine } from './readTrainingLines.ts'

export type Dataset = {
  rows: readonly TokenRow[]
  /** Over all rows. */
  tokens: number
  /** Tokens that are learnt. */
  counted: number
  /** Rows cut at `rowTokensMax`. */
  truncatedRows: number
}

export type DatasetLimits = {
  /** Longer rows are cut; the model's context at most. */
  rowTokensMax?: number
  rowsMax?: number
  tokensMax?: number
}

const fileBytesMax = 1 << 28

/**
 * @param file - JSONL in UTF-8; empty lines are passed over
 * @throws {DatasetInvalidError} naming the line, from 1
 */
export function readDataset(file: Uint8Array, model: ModelDescription, limits: DatasetLimits = {}): Dataset {
  const { rowsMax = 100_000, tokensMax = 50_000_000 } = limits
  const rowTokensMax = Math.min(limits.rowTokensMax ?? 2048, model.info.contextLength)
  if (file.length > fileBytesMax) throw new DatasetInvalidError('the file is too long', { value: file.length })
  const rows: TokenRow[] = []
  const totals = { tokens: 0, counted: 0, truncatedRows: 0 }
  for (const found of readTrainingLines(file)) {
    const { line } = found
    if ('fault' in found) throw new DatasetInvalidError(found.fault, { line })
    const row = cutRow(makeRow(found.read, line, model), rowTokensMax)
    const counted = row.mask.filter((value) => value === 1).length
    if (counted === 0) throw new DatasetInvalidError('a line has nothing to learn in what fits', { line })
    rows.push({ tokens: row.tokens, mask: row.mask })
    totals.tokens += row.tokens.length
    totals.counted += counted
    if (row.cut) totals.truncatedRows++
    if (rows.length > rowsMax) throw new DatasetInvalidError(`there are more than ${rowsMax} rows`, { line })
    if (totals.tokens > tokensMax) throw new DatasetInvalidError(`there are more than ${tokensMax} tokens`, { line })
  }
  if (rows.length === 0) throw new DatasetInvalidError('it has no rows')
  return { rows, ...totals }
}

function makeRow(read: TrainingLine, line: number, model: ModelDescription): TokenRow {
  if ('text' in read) return bareRow(model, '', read.text)
  if ('prompt' in read) return bareRow(model, read.prompt, read.completion)
  const [question, answer] = read.messages
  const isPair = read.messages.length === 2 && question!.role === 'user' && answer!.role === 'assistant'
  if (isPair && !model.hasChat) return bareRow(model, question!.content, answer!.content)
  return chatRow(read.messages, line, model)
}

/** Each answer is tokenised after the very prompt that inference would make, so what is learnt is what will be asked. */
function chatRow(messages: readonly ChatMessage[], line: number, model: ModelDescription): TokenRow {
  const row = startRow(model)
  let done = ''
  for (const [i, { role }] of messages.entries()) {
    if (role !== 'assistant') continue
    const prompt = render(messages.slice(0, i), 'answer', line, model)
    const whole = render(messages.slice(0, i + 1), 'message', line, model)
    if (!prompt.startsWith(done) || !whole.startsWith(prompt)) {
      throw new DatasetInvalidError('the chat template changes earlier messages when later ones come', { line })
    }
    const context = model.tokenizer.encode(prompt.slice(done.length))
    // A template may write the token that begins a text itself.
    append(row, done === '' && row.tokens.length > 0 && context[0] === row.tokens[0] ? context.slice(1) : context, 0)
    const answer = model.tokenizer.encode(whole.slice(prompt.length))
    const stop = answer.findIndex((token) => model.tokenizer.isStop(token))
    const learnt = stop < 0 ? answer.length : stop + 1
    append(row, answer.slice(0, learnt), 1)
    append(row, answer.slice(learnt), 0)
    done = whole
  }
  return row
}

function render(messages: readonly ChatMessage[], ending: 'answer' | 'message', line: number, model: ModelDescription) {
  try {
    return model.renderChat(messages, ending)
  } catch (cause) {
    throw new DatasetInvalidError('a conversation does not fit the chat template', { line }, cause)
  }
}

type OpenRow = { tokens: number[]; mask: number[] }

function startRow({ tokenizer }: ModelDescription): OpenRow {
  const { addBegin, beginToken } = tokenizer.tables
  return addBegin && beginToken >= 0 ? { tokens: [beginToken], mask: [0] } : { tokens: [], mask: [] }
}

function append(row: OpenRow, tokens: readonly number[], learnt: 0 | 1): void {
  for (const token of tokens) {
    row.tokens.push(token)
    row.mask.push(learnt)
  }
}

function cutRow({ tokens, mask }: TokenRow, max: number): TokenRow & { cut: boolean } {
  return {
    tokens: tokens.slice(0, max),
    mask: mask.slice(0, max).map((value, i) => (i === 0 ? 0 : value)),
    cut: tokens.length > max,
  }
}

export class DatasetInvalidError extends WeightlessError {
  constructor(reason: string, facts: { line?: number; name?: string; value?: number } = {}, cause?: unknown) {
    const where = facts.line === undefined ? '' : ` (line ${facts.line})`
    super('tensor/dataset-invalid', `The training data cannot be used: ${reason}${where}.`, facts, { cause })
  }
}
