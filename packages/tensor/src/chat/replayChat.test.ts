import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadModel } from '../model/loadModel.ts'
import { makeProbeModel } from '../selfCheck/makeProbeModel.ts'
import { decodeTrace, encodeTrace } from '../trace/encodeTrace.ts'
import type { ChatRequest } from './chatRequest.ts'
import type { ChatToken } from './chatTask.ts'
import { promptRole } from './chatTemplate.ts'
import { type ChatClaim, type ReplayVerdict, replayChat } from './replayChat.ts'
import { runChat } from './runChat.ts'

const probe = await loadModel(makeProbeModel())
const request: ChatRequest = {
  messages: [{ role: 'user', content: 'Tell me the time of the tides, and 12 more things.' }],
  seed32: new Uint8Array(32).fill(9),
  maxTokens: 40,
  temperature: 0.8,
  topP: 0.9,
}
const honest = await runChat(probe, request, { trace: 'operators' })

function claimOf(run: typeof honest): ChatClaim {
  return {
    outputTokens: run.outputTokens,
    finishReason: run.finishReason,
    traceRoot: run.trace!.root,
    trace: run.trace,
  }
}

function differenceOf(verdict: ReplayVerdict) {
  assert.ok(!verdict.ok)
  return verdict.difference
}

/** The answer of a provider that runs the probe with one byte changed. */
async function cheat(tensor: string, change: (view: DataView, offset: number) => void) {
  const bytes = makeProbeModel()
  change(new DataView(bytes.buffer), probe.parts.graph.tensors.get(tensor)!.offset)
  return runChat(await loadModel(bytes), request, { trace: 'operators' })
}

test('an honest answer replays, with its trace, its root alone, or neither', async () => {
  const full = await replayChat(probe, request, claimOf(honest))
  assert.ok(full.ok)
  assert.equal(full.text, honest.text)
  assert.deepEqual(full.trace.root, honest.trace!.root)
  const { outputTokens, finishReason } = honest
  assert.ok((await replayChat(probe, request, { outputTokens, finishReason, traceRoot: honest.trace!.root })).ok)
  assert.ok((await replayChat(probe, request, { outputTokens, finishReason })).ok)
})

test('the root does not depend on how much of the trace is kept', async () => {
  const steps = await runChat(probe, request)
  assert.deepEqual(steps.trace!.root, honest.trace!.root)
  assert.equal(steps.trace!.operators, undefined)
  assert.equal((await runChat(probe, request, { trace: 'none' })).trace, undefined)
})

const weightCheats: [string, (view: DataView, offset: number) => void, string][] = [
  [
    'token_embd.weight',
    (view, at) => view.setUint16(at + 34 * 2 * 0x54, view.getUint16(at + 34 * 2 * 0x54, true) + 1, true),
    'embed',
  ],
  ['blk.0.attn_norm.weight', flipFloat, 'layer 0 attention.norm'],
  ['blk.1.attn_norm.weight', flipFloat, 'layer 1 attention.norm'],
  ['blk.0.attn_k.weight', flipHalf, 'layer 0 attention.qkv'],
  ['blk.1.attn_v.weight', flipHalf, 'layer 1 attention.qkv'],
  ['blk.1.attn_output.weight', flipHalf, 'layer 1 attention.residual'],
  ['blk.0.ffn_norm.weight', flipFloat, 'layer 0 ffn.norm'],
  ['blk.1.ffn_gate.weight', flipHalf, 'layer 1 ffn.gate'],
  ['blk.0.ffn_up.weight', flipHalf, 'layer 0 ffn.gate'],
  [
    'blk.1.ffn_down.weight',
    (view, at) => view.setFloat32(at, view.getFloat32(at, true) * 1.001, true),
    'layer 1 ffn.residual',
  ],
  ['output_norm.weight', flipFloat, 'output.norm'],
]

/** One unit in the last place of an f32. */
function flipFloat(view: DataView, offset: number): void {
  view.setUint32(offset, view.getUint32(offset, true) ^ 1, true)
}

/** One unit in the last place of a half: a weight, or the scale of a block. */
function flipHalf(view: DataView, offset: number): void {
  view.setUint16(offset, view.getUint16(offset, true) ^ 1, true)
}

for (const [tensor, change, operator] of weightCheats) {
  test(`one unit in the last place of ${tensor} is found at ${operator}`, async () => {
    const run = await cheat(tensor, change)
    assert.notDeepEqual(run.trace!.root, honest.trace!.root)
    const difference = differenceOf(await replayChat(probe, request, claimOf(run)))
    assert.deepEqual([difference.what, difference.operator], ['operator', operator])
    const { outputTokens, finishReason } = run
    const byRoot = await replayChat(probe, request, { outputTokens, finishReason, traceRoot: run.trace!.root })
    assert.equal(byRoot.ok, false)
  })
}

test('another sampler constant is found at the first sample, even where tokens agree', async () => {
  for (const change of [{ temperature: 0.8001 }, { topP: 0.89 }, { seed32: new Uint8Array(32).fill(8) }]) {
    const run = await runChat(probe, { ...request, ...change }, { trace: 'operators' })
    const difference = differenceOf(await replayChat(probe, request, claimOf(run)))
    assert.deepEqual([difference.what, difference.operator, difference.outputIndex], ['operator', 'sample', 0])
  }
})

test('another prompt is found at the first step', async () => {
  const run = await runChat(
    probe,
    { ...request, messages: [{ role: 'user', content: 'Tell me a lie.' }] },
    { trace: 'operators' },
  )
  const difference = differenceOf(await replayChat(probe, request, claimOf(run)))
  assert.deepEqual([difference.what, difference.operator], ['operator', 'embed'])
})

test('a changed, cut or lengthened answer is named by token or end', async () => {
  const { outputTokens } = honest
  const { root } = honest.trace!
  const changedTokens = outputTokens.map((token, i) => (i === 17 ? (token + 1) % 256 : token))
  const changed = differenceOf(
    await replayChat(probe, request, { outputTokens: changedTokens, finishReason: 'length', traceRoot: root }),
  )
  assert.deepEqual([changed.what, changed.outputIndex, changed.expected], ['token', 17, String(outputTokens[17])])
  const cut = { outputTokens: outputTokens.slice(0, 20), finishReason: 'stop' as const }
  assert.equal(differenceOf(await replayChat(probe, request, cut)).what, 'finish')
  const cancelled = { outputTokens: outputTokens.slice(0, 20), finishReason: 'cancelled' as const }
  assert.ok((await replayChat(probe, request, cancelled)).ok)
  const long = { outputTokens: [...outputTokens, 5], finishReason: 'length' as const }
  assert.equal(differenceOf(await replayChat(probe, request, long)).what, 'finish')
  const absurd = { outputTokens: [2 ** 31], finishReason: 'length' as const }
  assert.equal(differenceOf(await replayChat(probe, request, absurd)).what, 'token')
  const none = { outputTokens: [], finishReason: 'stop' as const }
  assert.equal(differenceOf(await replayChat(probe, request, none)).what, 'finish')
})

test('a trace that is not that of its root, or lies about its own operators, is refused', async () => {
  const other = await runChat(probe, { ...request, temperature: 0 }, { trace: 'operators' })
  const swapped = { ...claimOf(honest), traceRoot: other.trace!.root }
  assert.equal(differenceOf(await replayChat(probe, request, swapped)).what, 'trace-root')
  const operators = honest.trace!.operators!.map((list) => list.slice())
  operators[3]![40]! ^= 1
  const claim = { ...claimOf(honest), trace: { ...honest.trace!, steps: honest.trace!.steps, operators } }
  assert.ok((await replayChat(probe, request, claim)).ok, 'digests that the root does not cover are not used')
})

test('a trace survives encoding, and hostile bytes give a verdict', () => {
  const inputs = [...honest.promptTokens, ...honest.outputTokens.slice(0, -1)]
  for (const detail of ['steps', 'operators'] as const) {
    const bytes = encodeTrace(honest.trace!, detail)
    const decoded = decodeTrace(bytes, inputs)
    assert.ok(decoded.ok)
    assert.deepEqual(decoded.value.root, honest.trace!.root)
    for (const length of [0, 5, 11, 12, 40, bytes.length - 1]) {
      assert.equal(decodeTrace(bytes.subarray(0, length), inputs).ok, false)
    }
    assert.equal(decodeTrace(bytes, inputs.slice(1)).ok, false)
  }
})

test('streamed text is the whole text, and logprobs are those of the distribution', async () => {
  const events: ChatToken[] = []
  const run = await runChat(
    probe,
    { ...request, temperature: 0 },
    { topLogprobs: 3, onToken: (event) => void events.push(event) },
  )
  assert.equal(events.map((event) => event.text).join(''), run.text)
  assert.deepEqual(
    events.map((event) => event.token),
    run.outputTokens,
  )
  assert.equal(events.at(-1)!.finishReason, run.finishReason)
  for (const { token, logprob, top } of run.logprobs) {
    assert.deepEqual([top.length, top[0]!.token, top[0]!.logprob], [3, token, logprob])
    assert.ok(logprob <= 0 && top[1]!.logprob <= logprob)
  }
})

test('a stop text ends the answer and is not shown, wherever tokens break it', async () => {
  const long = await runChat(probe, { ...request, maxTokens: 60 })
  const stop = long.text.slice(9, 12)
  const events: string[] = []
  const stopped = await runChat(
    probe,
    { ...request, maxTokens: 60, stop: [stop] },
    { onToken: (event) => void events.push(event.text) },
  )
  assert.equal(stopped.finishReason, 'stop')
  assert.equal(stopped.text, long.text.slice(0, long.text.indexOf(stop)))
  assert.equal(events.join(''), stopped.text)
  const stopRequest = { ...request, maxTokens: 60, stop: [stop] }
  assert.ok((await replayChat(probe, stopRequest, claimOf(stopped))).ok)
  assert.equal((await replayChat(probe, { ...request, maxTokens: 60 }, claimOf(stopped))).ok, false)
})

test('cancelling keeps what was made, and the part replays', async () => {
  const controller = new AbortController()
  const run = await runChat(probe, request, {
    trace: 'operators',
    signal: controller.signal,
    onToken: ({ index }) => {
      if (index === 4) controller.abort()
    },
  })
  assert.deepEqual([run.finishReason, run.outputTokens.length], ['cancelled', 5])
  assert.deepEqual(run.outputTokens, honest.outputTokens.slice(0, 5))
  assert.ok((await replayChat(probe, request, claimOf(run))).ok)
})

test('requests that cannot be run say why', async () => {
  const bad: Partial<ChatRequest>[] = [
    { temperature: -1 },
    { temperature: Number.NaN },
    { topP: 0 },
    { topP: 1.1 },
    { seed32: new Uint8Array(31) },
    { maxTokens: 0 },
    { stop: [''] },
    { messages: [{ role: 'user', content: 'word '.repeat(2000) }] },
    { messages: [{ role: 'user', content: 'x'.repeat(3_000_000) }] },
  ]
  for (const change of bad) {
    await assert.rejects(
      runChat(probe, { ...request, ...change }),
      { name: 'ChatInvalidError' },
      JSON.stringify(change),
    )
  }
})

test('a raw prompt goes to the model without template, replays, and is nobody’s message beside others', async () => {
  const raw = { ...request, messages: [{ role: promptRole, content: 'Once upon a <|im_end|> time' }] }
  assert.deepEqual(probe.promptTokens(raw.messages), probe.tokenizer.encode('Once upon a <|im_end|> time'))
  const run = await runChat(probe, raw)
  assert.ok((await replayChat(probe, raw, claimOf(run))).ok)
  const asChat = { ...request, messages: [{ role: 'user', content: 'Once upon a <|im_end|> time' }] }
  assert.ok(!(await replayChat(probe, asChat, claimOf(run))).ok)
  const mixed = { ...request, messages: [...raw.messages, { role: 'user', content: 'Go on' }] }
  await assert.rejects(runChat(probe, mixed), { name: 'ChatTemplateError' })
})
