// Writes vectors/tensor/pieces.json: tokens that llama.cpp makes of texts with the vocabularies of scored pieces of
// tiny-gemma2.gguf (many pieces of one score, a blank before each text) and tiny-gemma3.gguf. Usage: node recordPieces.ts
import '@weightless/env/node'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addLlama } from './addLlama.ts'
import { drawText } from './drawTexts.ts'
import { openLlamaRows } from './evaluateRows.ts'

const vectors = join(import.meta.dirname, '../../vectors/tensor')
const license = readFileSync(join(import.meta.dirname, '../../LICENSE'), 'utf8')
const { texts } = JSON.parse(readFileSync(join(vectors, 'tiny-random.tokens.json'), 'utf8'))
const kept: string[] = [
  ...texts.slice(0, 60).map(({ text }: { text: string }) => text),
  ...Array.from({ length: 60 }, (_, index) => drawText(license, 1, index)),
]
const { llama, remove } = await addLlama()
const tokens: { [file: string]: number[][] } = {}
for (const name of ['tiny-gemma2', 'tiny-gemma3']) {
  const model = await openLlamaRows(llama, join(vectors, `${name}.gguf`), { vocabSize: 1, positions: 16 })
  tokens[name] = kept.map((text) => model.tokenize(text))
  await model.close()
}
await remove()
const origin = 'peers/tensor/recordPieces.ts: llama.cpp of node-llama-cpp 3.22.1'
writeFileSync(join(vectors, 'pieces.json'), `${JSON.stringify({ origin, texts: kept, tokens })}\n`)
console.log(`${kept.length} texts by ${Object.keys(tokens).join(', ')}`)
