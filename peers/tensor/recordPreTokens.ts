// Writes vectors/tensor/pre-tokens.json: tokens that llama.cpp makes of texts by each pre-tokenizer, with the vocabulary of
// tiny-random.gguf less every seventh merge, so that some tokens are words that no merges lead to, and with numbers of up to
// five digits in place of its last tokens. Usage: node recordPreTokens.ts
import '@weightless/env/node'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesSource, readGguf, type WritableValue, writeGguf } from '@weightless/tensor'
import { preTokenizerNames } from '@weightless/tensor/tokenizer/splitText'
import { addLlama } from './addLlama.ts'
import { openLlamaRows } from './evaluateRows.ts'

const vectors = join(import.meta.dirname, '../../vectors/tensor')
const file = new Uint8Array(readFileSync(join(vectors, 'tiny-random.gguf')))
const { texts } = JSON.parse(readFileSync(join(vectors, 'tiny-random.tokens.json'), 'utf8'))
const more = [
  '1 12 123 1234 12345 123456 1234567',
  '5,678,912,345.6789-12',
  'a12345b 67,89 ½12 ٣٤٥12345',
  '(x)  [y]\t"z"\n\n{w}$+<=>^~|`',
]
const kept: string[] = [...more, ...texts.slice(0, 60).map(({ text }: { text: string }) => text)]
const gguf = await readGguf(bytesSource(file))
const tensors = [...gguf.tensors.values()].map(({ name, type, shape, offset, sizeBytes }) => {
  return { name, type, shape, bytes: file.slice(offset, offset + sizeBytes) }
})
const numbers = ['1 2', '12 3', '4 5', '123 45', '6 7', '67 8', '678 9']
const textsOf = (key: string) => gguf.metadata.get(`tokenizer.ggml.${key}`) as string[]
const vocabulary = [...textsOf('tokens').slice(0, -numbers.length), ...numbers.map((merge) => merge.replace(' ', ''))]
const remaining = textsOf('merges').filter((merge, i) => i % 7 !== 6 && vocabulary.includes(merge.replace(' ', '')))
const merges = [...numbers, ...remaining]
const metadata = Object.fromEntries(
  [...gguf.metadata].map(([key, value]): [string, WritableValue] => {
    if (key === 'tokenizer.ggml.merges') return [key, merges]
    if (key === 'tokenizer.ggml.tokens') return [key, vocabulary]
    if (key.startsWith('llama.rope.freq_base')) return [key, { f32: value as number }]
    return [key, (value instanceof Float64Array ? [...value] : value) as WritableValue]
  }),
)
const home = mkdtempSync(join(tmpdir(), 'weightless-pre-'))
const { llama, remove } = await addLlama()
const tokens: { [pre: string]: number[][] } = {}
for (const pre of preTokenizerNames) {
  const path = join(home, `${pre}.gguf`)
  writeFileSync(path, writeGguf({ ...metadata, 'tokenizer.ggml.pre': pre }, tensors))
  const model = await openLlamaRows(llama, path, { vocabSize: 512, positions: 16 })
  tokens[pre] = kept.map((text) => model.tokenize(text))
  await model.close()
}
await remove()
rmSync(home, { recursive: true, force: true })
const origin = 'peers/tensor/recordPreTokens.ts: llama.cpp of node-llama-cpp 3.22.1'
writeFileSync(
  join(vectors, 'pre-tokens.json'),
  `${JSON.stringify({ origin, vocabulary, merges, texts: kept, tokens })}\n`,
)
console.log(`${kept.length} texts by ${preTokenizerNames.join(', ')}`)
