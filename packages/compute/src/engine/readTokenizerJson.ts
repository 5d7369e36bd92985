/** The tokenizer.json of published models, as far as it is byte-level BPE: its tables in the form of `@weightless/tensor`. */
import { bytesToText } from '@weightless/codec'
import type { TokenizerTables } from '@weightless/tensor/tokenizer/readTables'
import { z } from 'zod'

const schema = z.object({
  model: z.object({
    type: z.literal('BPE').nullish(),
    vocab: z.record(z.string(), z.int().min(0)),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  }),
  added_tokens: z.array(z.object({ id: z.int().min(0), content: z.string() })).default([]),
  pre_tokenizer: z.unknown(),
})

const vocabMax = 2 ** 20

/** @throws {TypeError} what it is not */
export function readTokenizerJson(file: Uint8Array): TokenizerTables {
  const parsed = schema.safeParse(JSON.parse(bytesToText(file)))
  if (!parsed.success) throw new TypeError(`not a byte-level BPE tokenizer: ${parsed.error.issues[0]?.path.join('.')}`)
  const { model, added_tokens: added, pre_tokenizer: pre } = parsed.data
  const tokens: string[] = []
  for (const [text, id] of Object.entries(model.vocab)) place(tokens, id, text)
  for (const { id, content } of added) place(tokens, id, content)
  const known = Array.from(tokens, (text) => text ?? '')
  const types = new Float64Array(known.length).fill(1)
  for (const { id } of added) types[id] = 3
  return {
    model: 'gpt2',
    pre: preNameOf(JSON.stringify(pre ?? null)),
    tokens: known,
    types,
    merges: model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' '))),
    beginToken: -1,
    endToken: -1,
    stopTokens: [],
    addBegin: false,
  }
}

function place(tokens: string[], id: number, text: string): void {
  if (id >= vocabMax) throw new TypeError(`token ${id} is out of range`)
  tokens[id] = text
}

/** By what tells the known ones apart: how they cut digits. */
function preNameOf(pre: string): string {
  if (!pre.includes('ByteLevel')) throw new TypeError('its pre-tokenizer is not byte-level')
  if (pre.includes('\\\\p{N}{1,3}')) return 'llama-bpe'
  if (pre.includes('[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+')) return 'qwen2'
  return pre.includes('"Digits"') ? 'smollm' : 'gpt-2'
}
