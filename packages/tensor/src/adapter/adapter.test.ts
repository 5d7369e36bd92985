import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { replayChat } from '../chat/replayChat.ts'
import { runChat } from '../chat/runChat.ts'
import * as reference from '../kernels/referenceOperators.cases.ts'
import { positionsMax } from '../model/createSession.ts'
import { describeModel, loadModel } from '../model/loadModel.ts'
import { multiply } from '../model/multiply.ts'
import { readSafetensors, tensorFloats } from '../safetensors/readSafetensors.ts'
import { SafetensorsInvalidError } from '../safetensors/safetensorsInvalidError.ts'
import { writeSafetensors } from '../safetensors/writeSafetensors.ts'
import { makeProbeModel } from '../selfCheck/makeProbeModel.ts'
import { openLoraTrainer } from '../train/openLoraTrainer.ts'
import { adaptedModelRoot, adaptedModelText } from './adaptedModelRoot.ts'
import { adapterTargets, ggufRow, tensorName } from './adapterTargets.ts'
import { AdapterInvalidError, readAdapter } from './readAdapter.ts'

const seed32 = new Uint8Array(32).fill(2)
const row = { tokens: Array.from({ length: 40 }, (_, i) => (i * 13) % 200), mask: new Array(40).fill(1) }
const trainer = await openLoraTrainer(makeProbeModel(), {
  seed32,
  rank: 5,
  alpha: 10,
  targets: [...adapterTargets],
  learningRate: 0.01,
})
for (let i = 0; i < 6; i++) trainer.step([row])
const file = trainer.exportAdapter()
const base = await loadModel(makeProbeModel())
const adapted = await loadModel(makeProbeModel(), { adapter: file })

test('what was trained is what is served: the learnt row is as likely in inference as in training', () => {
  const session = adapted.createSession(64)
  const logits: number[][] = []
  for (let at = 0; at < 40; at += positionsMax) {
    for (const values of session.append(row.tokens.slice(at, Math.min(40, at + positionsMax)), 0))
      logits.push([...values])
  }
  session.close()
  let loss = 0
  for (let i = 1; i < 40; i++) {
    const values = logits[i - 1]!
    const top = Math.max(...values)
    loss += Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0)) + top - values[row.tokens[i]!]!
  }
  const trained = trainer.evaluate([row]).loss
  assert.ok(Math.abs(loss / 39 - trained) < 1e-3, `${loss / 39} and ${trained}`)
})

test('an adapted product is the written one, alone and in every pass', () => {
  const { parts } = adapted
  const { arena, scratch, graph } = parts
  const { layers } = parts.weights
  const adapter = readAdapter(file, graph)
  const x = Array.from({ length: 33 }, (_, i) =>
    Array.from({ length: graph.width }, (_, j) => Math.fround(((i * 7 + j * 11) % 23) / 7 - 1)),
  )
  const input = arena.allocate(40 * graph.width * 4)
  const [plain, out] = [arena.allocate(40 * 512), arena.allocate(40 * 512)]
  arena.floats(input, 33 * graph.width).set(x.flat())
  const matrix = layers[1]!.key
  const { adapter: _, ...bare } = matrix
  const part = adapter.parts.find(({ layer, target }) => layer === 1 && target === 'k')!
  for (const count of [1, 4, 7, 32]) {
    arena.kernels.quantise(input, scratch.q, scratch.scales, scratch.sums, (count * graph.width) / 32)
    multiply(parts, bare, input, plain, 512, count)
    multiply(parts, matrix, input, out, 512, count)
    for (let i = 0; i < count; i++) {
      const low = Array.from({ length: 5 }, (_, r) =>
        reference.dotFloat([...part.a.subarray(r * graph.width, (r + 1) * graph.width)], x[i]!),
      )
      const expected = Array.from(arena.floats(plain + i * 512, matrix.rows), (value, j) => {
        const high = reference.dotFloat([...part.b.subarray(j * 5, j * 5 + 5)], low)
        return Math.fround(value + Math.fround(high * adapter.scale))
      })
      assert.deepEqual(Array.from(arena.floats(out + i * 512, matrix.rows)), expected, `${i} of ${count}`)
    }
  }
})

const request = {
  messages: [{ role: 'user', content: 'What have you learnt? '.repeat(8) }],
  seed32,
  maxTokens: 20,
  temperature: 0.8,
  topP: 0.9,
}

test('an answer with the adapter replays; without it, or with one bit of it changed, the operator that differs is named', async () => {
  const run = await runChat(adapted, request, { trace: 'operators' })
  const claim = { outputTokens: run.outputTokens, finishReason: run.finishReason, trace: run.trace }
  assert.ok((await replayChat(adapted, request, claim)).ok)
  assert.ok((await replayChat(await loadModel(makeProbeModel(), { adapter: file }), request, claim)).ok)
  const without = await replayChat(base, request, claim)
  assert.equal(without.ok === false && without.difference.operator, 'layer 0 attention.qkv')
  const flipped = file.slice()
  // The last number of the file: B of the last layer's down projection.
  flipped[flipped.length - 4]! ^= 1
  const other = await replayChat(await loadModel(makeProbeModel(), { adapter: flipped }), request, claim)
  assert.equal(other.ok === false && other.difference.operator, 'layer 1 ffn.residual')
})

test('the program id covers that there is an adapter, its rank and scale; the root of an adapted model covers both files', async () => {
  assert.notEqual(adapted.programId, base.programId)
  assert.equal((await describeModel(makeProbeModel(), { adapter: file })).programId, adapted.programId)
  const other = await openLoraTrainer(makeProbeModel(), { seed32, rank: 5, alpha: 5, targets: [...adapterTargets] })
  assert.notEqual(
    (await describeModel(makeProbeModel(), { adapter: other.exportAdapter() })).programId,
    adapted.programId,
  )
  const [a, b] = [`0x${'1a'.repeat(32)}`, `0x${'2b'.repeat(32)}`] as const
  assert.equal(adaptedModelText(a, b), `{"adapter":"${b}","base":"${a}"}`)
  assert.equal(adaptedModelRoot(a, b), '0x95f7b8d5ce2a5dad0bc55407d94bb0c056980b2c801a0c1daffb40f7a2e9df81')
})

test('rows of queries and keys are written in the published order of halves', () => {
  const { tensors, metadata } = readSafetensors(file)
  const { graph } = base.parts
  const { parts } = readAdapter(file, graph)
  for (const target of ['q', 'k', 'v'] as const) {
    const published = tensorFloats(tensors.get(tensorName(1, target, 'B'))!)
    const own = parts.find((part) => part.layer === 1 && part.target === target)!.b
    // Value i of the first half and of the second half of a head are neighbours here.
    const pair = [0, 1].map((half) => published.subarray((16 + half * 8 + 3) * 5, (16 + half * 8 + 3) * 5 + 5))
    const at = target === 'v' ? [16 + 3, 16 + 11] : [16 + 6, 16 + 7]
    for (const i of [0, 1]) assert.deepEqual(pair[i], own.subarray(at[i]! * 5, at[i]! * 5 + 5), `${target} ${i}`)
  }
  assert.equal(new Set(Array.from({ length: 64 }, (_, i) => ggufRow(graph, 'q', i))).size, 64)
  const config = JSON.parse(metadata.get('adapter_config')!)
  assert.equal(config.peft_type, 'LORA')
  assert.deepEqual(config.target_modules, ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'])
})

/** The file with other tensors or another configuration. */
function rewrite(
  change: (
    tensors: Map<string, { name: string; shape: readonly number[]; values: Float32Array }>,
    config: Record<string, unknown>,
  ) => void,
) {
  const { tensors, metadata } = readSafetensors(file)
  const list = new Map(
    [...tensors].map(([name, tensor]) => [name, { name, shape: tensor.shape, values: tensorFloats(tensor) }]),
  )
  const config = JSON.parse(metadata.get('adapter_config')!)
  change(list, config)
  return writeSafetensors([...list.values()], { adapter_config: JSON.stringify(config) })
}

for (const [reason, bytes] of [
  ['its metadata has no adapter_config', writeSafetensors([])],
  ['its adapter_config is not JSON', writeSafetensors([], { adapter_config: '{' })],
  ['its adapter_config is no object', writeSafetensors([], { adapter_config: 'null' })],
  ['it is no LoRA adapter', rewrite((_, config) => Object.assign(config, { peft_type: 'IA3' }))],
  ['its rank is not from 1 to 256', rewrite((_, config) => Object.assign(config, { r: 1e9 }))],
  ['its alpha is impossible', rewrite((_, config) => Object.assign(config, { lora_alpha: -1 }))],
  ['it uses what is not supported', rewrite((_, config) => Object.assign(config, { use_dora: true }))],
  ['it uses what is not supported', rewrite((_, config) => Object.assign(config, { bias: 'all' }))],
  ['it changes no matrix of the model', rewrite((tensors) => tensors.clear())],
  ['half of a pair is missing', rewrite((tensors) => tensors.delete(tensorName(0, 'q', 'A')))],
  ['a tensor has the wrong shape', rewrite((_, config) => Object.assign(config, { r: 4 }))],
  ['a number is not finite', rewrite((tensors) => tensors.get(tensorName(0, 'q', 'A'))!.values.fill(Number.NaN))],
  [
    'a tensor belongs to no matrix of the model',
    rewrite((tensors) => tensors.set('x', { name: 'x', shape: [1], values: new Float32Array(1) })),
  ],
] as const) {
  test(`refused: ${reason}`, async () => {
    const error = await describeModel(makeProbeModel(), { adapter: bytes }).catch((fault) => fault)
    assert.ok(error instanceof AdapterInvalidError && error.message.includes(reason), String(error))
  })
}

test('flipped bytes of the head are read or refused', () => {
  fc.assert(
    fc.property(fc.nat(4000), fc.nat(255), (at, value) => {
      try {
        readAdapter(file.with(at, value), base.parts.graph)
      } catch (error) {
        assert.ok(error instanceof AdapterInvalidError || error instanceof SafetensorsInvalidError, String(error))
      }
    }),
    { numRuns: 200 },
  )
})
