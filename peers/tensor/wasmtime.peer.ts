// Wasmtime (the PyPI package) makes every call of a kernel that the engine makes in Node, on the same memory, and comes to the same bytes
// after each: an answer of the small model with its trace and samples, the probe with every type of tensor, further types and k-quants, other families, an adapter's step of
// training, a step of training all weights, an encoder's vectors. Usage: node wasmtime.peer.ts; without pip's package it says so and passes.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModel, openCorpus, openEncoder, openFullTrainer, openLoraTrainer, runChat } from '@weightless/tensor'
import { makeProbeModel } from '@weightless/tensor/selfCheck/makeProbeModel'
import { makeTinyEncoder } from '../../packages/tensor/src/encoder/tinyEncoder.cases.ts'
import { makePython } from './makePython.ts'
import { type KernelRecord, recordKernels } from './recordKernels.ts'

const file = (path: string) => new Uint8Array(readFileSync(new URL(`../../${path}`, import.meta.url)))
const home = mkdtempSync(join(tmpdir(), 'weightless-wasmtime-'))
const seed32 = new Uint8Array(32).fill(9)
try {
  const python = makePython(home, 'requirements-wasmtime.txt')
  if (python === undefined) console.log('not run: pip does not give wasmtime here')
  else {
    const path = join(home, 'record')
    const record = recordKernels(path)
    await answer(record, 'an answer of the small model', file('packages/tensor/models/weightless-bard-1m.gguf'))
    await answer(record, 'an answer of the probe', makeProbeModel())
    await answer(record, 'an answer with further types', file('vectors/tensor/tiny-types.gguf'))
    for (const family of ['qwen2', 'qwen3', 'gemma2', 'gemma3'])
      await answer(record, `an answer of ${family}`, file(`vectors/tensor/tiny-${family}.gguf`))
    await trainAdapter(record)
    await trainWhole(record)
    await embed()
    const { calls, kernels, memories, idle } = record.close()
    assert.deepEqual(idle, [], 'kernels that nobody called')
    console.log(`Node ${process.version}: ${calls} calls of ${kernels} kernels on ${memories} memories`)
    // Compiled for this processor, then interpreted: the second knows nothing of its vectors.
    for (const target of [[], ['pulley64']]) replay(python, path, target)
  }
} finally {
  rmSync(home, { recursive: true, force: true })
}

function replay(python: string, path: string, target: readonly string[]): void {
  const script = join(import.meta.dirname, 'replayKernels.py')
  const { status, stdout, stderr } = spawnSync(python, ['-B', script, path, ...target], { encoding: 'utf8' })
  process.stdout.write(stdout)
  assert.equal(status, 0, stderr)
}

async function answer(record: KernelRecord, name: string, weights: Uint8Array): Promise<void> {
  const model = await loadModel(weights)
  const content = 'What is a kingdom worth, and who is to say so? 0'
  const request = { messages: [{ role: 'user', content }], seed32, maxTokens: 12, temperature: 0.9, topP: 0.95 }
  const { outputTokens, trace } = await runChat(model, request, { trace: 'operators' })
  record.trace(name, [...model.promptTokens(request.messages), ...outputTokens.slice(0, -1)], trace!)
}

async function trainAdapter(record: KernelRecord): Promise<void> {
  const targets = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const
  const trainer = await openLoraTrainer(makeProbeModel(), {
    seed32,
    rank: 4,
    targets: [...targets],
    learningRate: 3e-3,
  })
  const row = (length: number) => ({
    tokens: Array.from({ length }, (_, i) => (i * 31 + length) % 250),
    mask: Array.from({ length }, (_, i) => Number(i > length / 3)),
  })
  const { stateHash } = trainer.step([row(9), row(260)])
  record.state('the adapter after a step', stateHash)
}

async function trainWhole(record: KernelRecord): Promise<void> {
  const tokens = Uint16Array.from({ length: 4_001 }, (_, i) => (i * 7919 + (i >> 5) * 31) % 1024)
  const corpus = openCorpus(new Uint8Array(tokens.buffer), 64)
  const weights = file('packages/tensor/models/weightless-bard-1m.gguf')
  const trainer = await openFullTrainer(weights, corpus, { seed32, batchRows: 2 })
  record.state('all weights after a step', trainer.step().stateHash)
}

/** Nothing is hashed of these: equal memories after each call say it all. */
async function embed(): Promise<void> {
  const encoder = await openEncoder(makeTinyEncoder().files)
  encoder.embed([encoder.tokensOf('Abab the bs, 北.'), Array.from({ length: 300 }, (_, i) => i % 16)])
}
