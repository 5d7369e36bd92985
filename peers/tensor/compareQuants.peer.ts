// SmolLM2 as people have it: files that llama.cpp's own quantiser makes, in which rows of 576 fall back to types of 32 columns. The
// embedded engine takes them, answers, replays its answers, and is closer to an evaluation in f64 than llama.cpp. Usage: node compareQuants.peer.ts
// [TYPE …]; without pip's packages it says so and passes.
import '@weightless/env/node'
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { replayChat } from '@weightless/tensor/chat/replayChat'
import { runChat } from '@weightless/tensor/chat/runChat'
import { smolLm2 } from '../../packages/node/src/weights/modelSources.ts'
import { resolveWeights } from '../../packages/node/src/weights/resolveWeights.ts'
import { addLlama } from './addLlama.ts'
import { columns, compareFile, rowOf, runPython } from './compareFile.ts'
import { makePython } from './makePython.ts'

const kinds = process.argv.slice(2)
if (kinds.length === 0) kinds.push('Q4_K_M', 'Q5_K_M', 'Q3_K_M', 'Q2_K', 'IQ4_NL', 'BF16')
const positions = 96
/** As of compareModels.peer.ts; a larger vocabulary has larger errors. */
const bounds = { mean: 1e-6, logit: 0.03, first: 0.95 }

const home = mkdtempSync(join(tmpdir(), 'weightless-quants-'))
let remove: (() => Promise<void>) | undefined
try {
  const python = makePython(home)
  if (python === undefined) console.log('not run: pip does not give gguf, numpy and tokenizers here')
  else {
    const added = await addLlama()
    remove = added.remove
    const { path: original } = await resolveWeights(smolLm2)
    const text = readFileSync(new URL('../../LICENSE', import.meta.url), 'utf8').slice(0, 3_000)
    console.log(columns)
    for (const kind of kinds) {
      const path = join(home, `${kind}.gguf`)
      runPython(python, 'quantiseModel.py', added.libraries, original, path, kind)
      const means = { llama: added.llama, python }
      const { ours, theirs, figures } = await compareFile(
        means,
        path,
        positions,
        ({ tokenizer }) => tokenizer.encode(text).slice(0, positions),
        2 * bounds.logit,
      )
      await theirs.close()
      const request = {
        messages: [{ role: 'user', content: 'What is the capital of France?' }],
        ...{ seed32: new Uint8Array(32), temperature: 0, topP: 1, maxTokens: 24 },
      }
      const answer = await runChat(ours, request)
      const { outputTokens, finishReason, trace } = answer
      assert.ok(
        (await replayChat(ours, request, { outputTokens, finishReason, trace })).ok,
        'another answer when replayed',
      )
      const types = new Map<string, number>()
      for (const { type } of ours.parts.graph.tensors.values()) types.set(type, (types.get(type) ?? 0) + 1)
      console.log(
        `${rowOf(kind, figures)} | ${JSON.stringify(Object.fromEntries(types))} | ${JSON.stringify(answer.text)}`,
      )
      const { ahead, sure, exact, error } = figures
      assert.ok(exact[0] < bounds.mean && error[0] < bounds.logit, 'far from f64')
      assert.ok(exact[0] < exact[1] && error[0] < error[1], 'further from f64 than llama.cpp')
      assert.equal(sure[0], sure[1], 'another first token than f64')
      assert.ok(ahead[0] >= bounds.first * ahead[1], 'another first token than llama.cpp')
      rmSync(path)
    }
    console.log(
      `${kinds.length} files by llama.cpp's quantiser: closer to f64 than llama.cpp, and their answers replay`,
    )
  }
} finally {
  await remove?.()
  rmSync(home, { recursive: true, force: true })
}
