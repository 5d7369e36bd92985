/** Families other than Llama: what their files say, what is refused, and what their programs are called. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { replayChat } from '../chat/replayChat.ts'
import { runChat } from '../chat/runChat.ts'
import type { GgufValue } from '../gguf/ggufValue.ts'
import { type Gguf, readGguf } from '../gguf/readGguf.ts'
import { refuseUntrainable } from '../train/refuseUntrainable.ts'
import { describeGraph } from './describeGraph.ts'
import { architectures, isLocalLayer, readFamily } from './family.ts'
import { describeModel, loadModel } from './loadModel.ts'

const fileOf = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../../vectors/tensor/tiny-${name}.gguf`, import.meta.url)))
const names = ['qwen2', 'qwen3', 'gemma2', 'gemma3'] as const

/** The graph of a file whose head says something else. */
async function changed(name: string, changes: Record<string, GgufValue | undefined>, tensors?: Gguf['tensors']) {
  const gguf = await readGguf(fileOf(name))
  const metadata = new Map(gguf.metadata)
  for (const [key, value] of Object.entries(changes))
    if (value === undefined) metadata.delete(key)
    else metadata.set(key, value)
  return describeGraph({ ...gguf, metadata, tensors: tensors ?? gguf.tensors })
}

for (const name of names) {
  test(`${name}: answers with a template, commits, and replays; another token or step is told`, async () => {
    const model = await loadModel(fileOf(name))
    const messages = [{ role: 'user', content: 'What is conveyed by this License?  \n\nÜber 中文 👍🏽 qz' }]
    const request = { messages, seed32: new Uint8Array(32).fill(9), maxTokens: 40, temperature: 0.9, topP: 0.95 }
    const run = await runChat(model, request, { trace: 'operators' })
    const { outputTokens, finishReason } = run
    assert.ok(outputTokens.length > 0)
    const claim = { outputTokens, finishReason, traceRoot: run.trace!.root }
    assert.ok((await replayChat(model, request, claim)).ok)
    const other = { ...claim, outputTokens: outputTokens.map((token, i) => (i === 3 ? (token + 1) % 256 : token)) }
    assert.equal((await replayChat(model, request, other)).ok, false)
  })

  test(`${name}: its program says what it differs by, and it is neither trained nor adapted`, async () => {
    const { graph, programText } = await describeModel(fileOf(name))
    assert.match(programText, new RegExp(`^weightless/program/1\nsemantics 1\narchitecture ${name}\n`))
    assert.match(programText, /\nfamily 1 .*hasBiases (true|false) .*window \d+ windowPeriod \d+\n/)
    assert.throws(() => refuseUntrainable(graph), { name: 'GgufInvalidError', message: /only Llama can be trained/ })
    await assert.rejects(describeModel(fileOf(name), { adapter: new Uint8Array(8) }), /not of the Llama family/)
  })
}

test('files of Llama have the programs that they had', async () => {
  const { programText, graph } = await describeModel(fileOf('random'))
  assert.doesNotMatch(programText, /family/)
  assert.deepEqual(readFamily('llama', new Map(), graph), graph.family)
  assert.equal(graph.family.embeddingFactor, 1)
})

test('an architecture that is not run is refused by name, with those that are', async () => {
  await assert.rejects(changed('qwen2', { 'general.architecture': 'qwen2moe' }), {
    code: 'tensor/architecture-unsupported',
    message: new RegExp(`qwen2moe.*${architectures.join(', ')}`),
  })
  await assert.rejects(changed('qwen2', { 'general.architecture': undefined }), /undefined/)
})

test("layers are local but the last of each period; windows, caps and bases are the file's or the family's own", async () => {
  const { family } = await changed('gemma3', {})
  const local = [0, 1, 2, 3, 4, 5, 6].filter((layer) => isLocalLayer(family, layer))
  assert.deepEqual(local, [0, 1, 2, 3, 4, 6])
  assert.equal(family.localRopeBase, 10_000)
  assert.equal(family.ropeDivisor, 8)
  const key = 'gemma3.attention.sliding_window'
  const wide = (await changed('gemma3', { [key]: 0, 'gemma3.final_logit_softcapping': 20 })).family
  assert.deepEqual([wide.window, wide.localRopeBase, wide.logitCap], [0, undefined, 20])
  assert.equal((await changed('gemma3', { [`${key}_pattern`]: 2 })).family.windowPeriod, 2)
  const absent = { 'gemma2.attention.sliding_window': undefined, 'gemma2.attn_logit_softcapping': undefined }
  const second = (await changed('gemma2', { ...absent, 'gemma2.final_logit_softcapping': undefined })).family
  assert.deepEqual([second.window, second.scoreCap, second.logitCap], [4096, 50, 30])
  assert.equal(second.embeddingFactor, Math.fround(Math.sqrt(32)))
  const shape = { width: 4608, headCount: 32, headSize: 128 }
  assert.equal(readFamily('gemma2', new Map(), { ...shape, layerCount: 46 }).scoreSize, 144)
  assert.equal(readFamily('gemma2', new Map(), { ...shape, layerCount: 42 }).scoreSize, 128)
})

test('impossible numbers, scalings that are not read, missing and foreign tensors are refused', async () => {
  const wrong: [string, Record<string, GgufValue | undefined>, RegExp][] = [
    ['qwen2', { 'qwen2.rope.scaling.type': 'yarn' }, /rope scaling is not supported/],
    ['qwen2', { 'qwen2.rope.scaling.factor': -1 }, /impossible/],
    ['qwen2', { 'qwen2.expert_count': 4 }, /mixtures/],
    ['qwen3', { 'qwen3.rope.dimension_count': 20 }, /multiple of 8/],
    ['qwen3', { 'qwen3.attention.value_length': 16 }, /as long as keys/],
    ['gemma2', { 'gemma2.attn_logit_softcapping': Number.NaN }, /impossible/],
    ['gemma2', { 'gemma2.attention.sliding_window': 1.5 }, /impossible/],
    ['gemma3', { 'gemma3.attention.sliding_window_pattern': 0 }, /impossible/],
    ['gemma3', { 'gemma3.rope.freq_base_swa': 0.5 }, /base below 1/],
  ]
  for (const [name, changes, message] of wrong) await assert.rejects(changed(name, changes), message, message.source)
  for (const [name, tensor] of [
    ['qwen2', 'blk.1.attn_k.bias'],
    ['qwen3', 'blk.0.attn_q_norm.weight'],
    ['gemma2', 'blk.1.post_ffw_norm.weight'],
  ] as const) {
    const { tensors } = await readGguf(fileOf(name))
    const without = new Map([...tensors].filter(([each]) => each !== tensor))
    await assert.rejects(changed(name, {}, without), new RegExp(`a tensor is missing.*${tensor}`))
    const wider = new Map(tensors).set('rope_freqs.weight', tensors.get(tensor)!)
    await assert.rejects(changed(name, {}, wider), /not part of the architecture/)
  }
})
