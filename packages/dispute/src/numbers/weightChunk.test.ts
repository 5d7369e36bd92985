import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bytesSource, loadModel } from '@weightless/tensor'
import { chunkWords } from '../training/stepTable.ts'
import { readWeightChunk, widenTensor } from './weightChunk.ts'

test('a tensor of any type is widened to the values that the engine multiplies with', async () => {
  const file = new Uint8Array(readFileSync(new URL('../../../../vectors/tensor/tiny-types.gguf', import.meta.url)))
  const source = bytesSource(file)
  const { graph, arena, weights } = (await loadModel(file)).parts
  const room = arena.allocate(graph.width * 4)
  const types = new Set<string>()
  const matrices = weights.layers.flatMap(({ query, key, value, attentionOutput, gate, up, down }, layer) =>
    Object.entries({
      ...{ attn_q: query, attn_k: key, attn_v: value, attn_output: attentionOutput },
      ...{ ffn_gate: gate, ffn_up: up, ffn_down: down },
    }).map(([name, matrix]) => [`blk.${layer}.${name}.weight`, matrix] as const),
  )
  for (const [name, matrix] of [['token_embd.weight', weights.embedding] as const, ...matrices]) {
    const tensor = graph.tensors.get(name)!
    types.add(tensor.type)
    const { rows, columns, address, groupBytes, kind } = matrix
    const expected = new Float32Array(rows * columns)
    for (let row = 0; row < rows; row++) {
      arena.kernels.embedRow(address + (row >> 3) * groupBytes, row & 7, kind, columns, room)
      expected.set(arena.floats(room, columns), row * columns)
    }
    const bytes = file.subarray(tensor.offset, tensor.offset + tensor.sizeBytes)
    assert.deepEqual(widenTensor(tensor, bytes), expected, `${name} ${tensor.type}`)
    const last = Math.ceil(expected.length / chunkWords) - 1
    for (const chunk of [0, last]) {
      const from = chunk * chunkWords
      assert.deepEqual(await readWeightChunk(tensor, chunk, source), expected.slice(from, from + chunkWords), name)
    }
  }
  assert.equal(types.size, 13, [...types].join(' '))
})
