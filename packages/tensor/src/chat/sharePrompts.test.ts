/** What prompts have in common goes through once, and nothing of the answers shows it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { loadModel, type Model } from '../model/loadModel.ts'
import { makeProbeModel } from '../selfCheck/makeProbeModel.ts'
import { createChatBatch } from './chatBatch.ts'
import type { ChatRequest } from './chatRequest.ts'
import type { ChatRun } from './chatTask.ts'
import { runChat } from './runChat.ts'

const probe = await loadModel(makeProbeModel())
const roomy = { sessionsMax: 8, positionsMax: 100_000, waitingMax: 64 }
const long = 'The same prompt for all of them. '.repeat(8)

function request(content: string, seed: number, maxTokens = 6): ChatRequest {
  const messages = [{ role: 'user', content }]
  return { messages, seed32: new Uint8Array(32).fill(seed), maxTokens, temperature: 0.9, topP: 0.95 }
}

/** A model that counts the rows that go through it. */
function watch(model: Model): { model: Model; rows: () => number } {
  let rows = 0
  const { kernels } = model.parts.arena
  const counted: typeof kernels = {
    ...kernels,
    embedRow(...values) {
      rows++
      kernels.embedRow(...values)
    },
  }
  const arena = { ...model.parts.arena, kernels: counted }
  return { model: { ...model, parts: { ...model.parts, arena } }, rows: () => rows }
}

const plain = ({ outputTokens, text, finishReason, trace, logprobs }: ChatRun) => {
  return { outputTokens, text, finishReason, trace, logprobs }
}

async function aloneOf(asked: ChatRequest, trace: 'steps' | 'operators' = 'steps') {
  return plain(await runChat(probe, asked, { trace }))
}

test('choices of one request have the prompt computed once, and each the bits and trace of a run of its own', async () => {
  for (const trace of ['steps', 'operators', 'none'] as const) {
    const { model, rows } = watch(probe)
    const batch = createChatBatch(model, roomy)
    const asked = [1, 2, 3, 4, 5].map((seed) => request(long, seed))
    const seats = asked.map((each) => batch.add(each, { trace, group: 'a' }))
    while (batch.step());
    const runs = await Promise.all(seats.map(({ result }) => result))
    const answered = runs.reduce((sum, { outputTokens }) => sum + outputTokens.length - 1, 0)
    // The last token of the prompt goes through for each: its logits are what each draws from.
    assert.equal(rows(), seats[0]!.promptTokens + 4 + answered)
    for (const [i, run] of runs.entries()) {
      const alone = plain(await runChat(probe, asked[i]!, { trace }))
      assert.deepEqual(plain(run), alone)
    }
  }
})

test('what the template puts before every first message is computed once; more is not shared among strangers', async () => {
  const { model, rows } = watch(probe)
  const batch = createChatBatch(model, roomy)
  const first = batch.add(request(long, 1, 1))
  while (batch.step());
  await first.result
  const shared = probe.promptTokens([{ role: 'user', content: 'a' }])
  const other = probe.promptTokens([{ role: 'user', content: 'b' }])
  const opening = shared.findIndex((token, i) => token !== other[i])
  assert.ok(opening > 0)
  const before = rows()
  const same = batch.add(request(long, 2, 1))
  while (batch.step());
  assert.deepEqual(plain(await same.result), await aloneOf(request(long, 2, 1)))
  assert.equal(rows() - before, same.promptTokens - opening)
  // Nor between two that run at once.
  const beforeTwo = rows()
  const two = [3, 4].map((seed, i) => batch.add(request(long, seed, 1), { group: `customer ${i}` }))
  while (batch.step());
  for (const [i, { result }] of two.entries()) {
    assert.deepEqual(plain(await result), await aloneOf(request(long, 3 + i, 1)))
  }
  assert.equal(rows() - beforeTwo, 2 * (same.promptTokens - opening))
})

test('groups in any mixture, coming and going: tokens, text and trace are those of the answer alone', async () => {
  const jobs = fc.array(
    fc.record({
      content: fc.constantFrom('', 'a', long, `${long}and more`, 'b '.repeat(40)),
      seed: fc.integer({ min: 0, max: 255 }),
      maxTokens: fc.integer({ min: 1, max: 12 }),
      group: fc.constantFrom(undefined, 'a', 'b'),
      trace: fc.constantFrom('steps', 'steps', 'operators'),
      arrivesAt: fc.integer({ min: 0, max: 12 }),
      leavesAt: fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined }),
    }),
    { minLength: 2, maxLength: 12 },
  )
  const limits = fc.record({
    sessionsMax: fc.integer({ min: 1, max: 10 }),
    positionsMax: fc.constantFrom(300, 1_000, 50_000),
    waitingMax: fc.constant(64),
  })
  await fc.assert(
    fc.asyncProperty(jobs, limits, async (list, bounds) => {
      const batch = createChatBatch(probe, bounds)
      const seats: ReturnType<typeof batch.add>[] = []
      for (let pass = 0; pass <= 12 || batch.step(); pass++) {
        for (const [i, job] of list.entries()) {
          if (job.arrivesAt === pass) {
            const { trace, group } = job
            seats[i] = batch.add(request(job.content, job.seed, job.maxTokens), { trace, ...(group && { group }) })
          }
          if (job.leavesAt === pass) seats[i]?.abort()
        }
        if (pass <= 12) batch.step()
      }
      assert.deepEqual(batch.size(), { running: 0, waiting: 0 })
      for (const [i, job] of list.entries()) {
        const run = await seats[i]!.result
        const alone = await runChat(probe, request(job.content, job.seed, job.maxTokens), { trace: job.trace })
        if (run.finishReason === 'cancelled') {
          assert.deepEqual(run.outputTokens, alone.outputTokens.slice(0, run.outputTokens.length))
        } else assert.deepEqual(plain(run), plain(alone))
      }
    }),
    { numRuns: 30, seed: 7 },
  )
})

test('a number that is not finite in the one that computes the prompt fails it alone: the others compute it anew', async () => {
  const { parts } = probe
  const poisoned = { ...parts, arena: { ...parts.arena } }
  const model = { ...probe, parts: poisoned }
  const { kernels } = parts.arena
  let pass = 0
  let isDone = false
  poisoned.arena.kernels = {
    ...kernels,
    embedRow(group, index, kind, width, out) {
      kernels.embedRow(group, index, kind, width, out)
      // The first row of the second pass: the prompt takes more than two, so it is that of whom the others wait for.
      if (pass === 2 && !isDone) parts.arena.floats(out, 1)[0] = Number.POSITIVE_INFINITY
      isDone ||= pass === 2
    },
  }
  const batch = createChatBatch(model, roomy)
  const asked = [1, 2, 3].map((seed) => request(long, seed))
  const seats = asked.map((each) => batch.add(each, { group: 'a' }))
  do pass++
  while (batch.step())
  const results = await Promise.allSettled(seats.map(({ result }) => result))
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled'],
  )
  for (const [i, result] of results.entries()) {
    if (result.status === 'fulfilled') assert.deepEqual(plain(result.value), await aloneOf(asked[i]!))
    else assert.equal(result.reason.name, 'NumberNotFiniteError')
  }
})

test('a session takes over positions of another, and refuses what neither has', () => {
  const tokens = Array.from({ length: 600 }, (_, i) => (i * 31 + 7) % probe.info.vocabSize)
  const from = probe.createSession(640)
  for (let at = 0; at < 600; at += 30) from.append(tokens.slice(at, at + 30), 30)
  const to = probe.createSession(640)
  // More than a new session has room for, and no multiple of four.
  to.inherit(from, 597)
  assert.throws(() => to.inherit(from, 601), { name: 'ContextFullError' })
  const expected = from.append([5], 0)[0]!.slice()
  to.append(tokens.slice(597), 3)
  assert.deepEqual(to.append([5], 0)[0]!.slice(), expected)
  const small = probe.createSession(16)
  assert.throws(() => small.inherit(from, 17), { name: 'ContextFullError' })
  for (const session of [from, to, small]) session.close()
  assert.throws(() => to.inherit(small, 0), { name: 'ContextFullError' })
})
