/** Conversations in common passes: the bits of each are those it has alone, whatever comes, goes, stops or fails beside it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import fc from 'fast-check'
import { appendTogether, createSession, positionsMax } from '../model/createSession.ts'
import { loadModel } from '../model/loadModel.ts'
import { makeProbeModel } from '../selfCheck/makeProbeModel.ts'
import { recordSteps } from '../trace/recordSteps.ts'
import { type ChatBatch, createChatBatch } from './chatBatch.ts'
import type { ChatRequest } from './chatRequest.ts'
import type { ChatRun } from './chatTask.ts'
import { replayChat } from './replayChat.ts'
import { runChat } from './runChat.ts'

const probe = await loadModel(makeProbeModel())
const roomy = { sessionsMax: 8, positionsMax: 100_000, waitingMax: 64 }

function request(content: string, seed: number, maxTokens: number, temperature = 0.8): ChatRequest {
  const messages = [{ role: 'user', content }]
  return { messages, seed32: new Uint8Array(32).fill(seed), maxTokens, temperature, topP: 0.95 }
}

function runToEnd(batch: ChatBatch): void {
  while (batch.step());
}

const facts = ({ outputTokens, text, finishReason, trace, logprobs }: ChatRun) => {
  return { outputTokens, text, finishReason, root: bytesToHex(trace!.root), logprobs }
}

const plans = fc.array(
  fc.record({
    content: fc.string({ maxLength: 120 }),
    seed: fc.integer({ min: 0, max: 255 }),
    maxTokens: fc.integer({ min: 1, max: 40 }),
    temperature: fc.constantFrom(0, 0.7, 1.3),
    arrivesAt: fc.integer({ min: 0, max: 30 }),
    abortsAfter: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
    topLogprobs: fc.constantFrom(0, 3),
    restsAt: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 12 },
)
const narrow = fc.record({
  sessionsMax: fc.integer({ min: 1, max: 10 }),
  positionsMax: fc.integer({ min: 1, max: 2000 }),
  waitingMax: fc.constant(64),
})

test('prompts, seeds, arrivals, ends, slow readers: tokens, text and trace are those of the answer alone', async () => {
  await fc.assert(
    fc.asyncProperty(plans, narrow, async (jobs, limits) => {
      const batch = createChatBatch(probe, limits)
      const results: Promise<ChatRun>[] = []
      const asked = jobs.map((job) => request(job.content, job.seed, job.maxTokens, job.temperature))
      let resting = true
      for (let pass = 0; ; pass++) {
        for (const [i, job] of jobs.entries()) {
          if (job.arrivesAt !== pass) continue
          let made = 0
          const seat = batch.add(asked[i]!, {
            topLogprobs: job.topLogprobs,
            onToken() {
              if (++made === job.abortsAfter) seat.abort()
            },
            isReady: () => !resting || job.restsAt === undefined || made < job.restsAt,
          })
          if (job.abortsAfter === 0) seat.abort()
          results[i] = seat.result
        }
        const { running } = batch.size()
        assert.ok(running <= limits.sessionsMax)
        const stepped = batch.step()
        if (pass >= 30 && !stepped) {
          if (!resting) break
          resting = false
        }
      }
      assert.deepEqual(batch.size(), { running: 0, waiting: 0 })
      for (const [i, job] of jobs.entries()) {
        const together = await results[i]!
        const abort = new AbortController()
        if (job.abortsAfter === 0) abort.abort()
        const alone = await runChat(probe, asked[i]!, {
          topLogprobs: job.topLogprobs,
          signal: abort.signal,
          onToken: ({ index }) => {
            if (index + 1 === job.abortsAfter) abort.abort()
          },
        })
        // An aborted answer has had its prompt through the model at most; alone it stops before the first pass.
        if (job.abortsAfter === 0) assert.deepEqual([together.outputTokens, together.text], [[], ''])
        else assert.deepEqual(facts(together), facts(alone))
      }
    }),
    { numRuns: 40 },
  )
})

test('what was answered among others replays, operator by operator', async () => {
  const batch = createChatBatch(probe, roomy)
  const requests = [5, 6, 7].map((seed) => request('Who goes there? '.repeat(seed), seed, 20))
  const seats = requests.map((each) => batch.add(each, { trace: 'operators' }))
  runToEnd(batch)
  for (const [i, seat] of seats.entries()) {
    const { outputTokens, finishReason, trace } = await seat.result
    assert.ok((await replayChat(probe, requests[i]!, { outputTokens, finishReason, trace })).ok)
  }
})

test('rows of up to eight sessions in one pass have the logits and digests that each has alone', () => {
  for (const count of [1, 2, 3, 5, 6, 7, 8]) {
    const tokens = Array.from({ length: count }, (_, i) =>
      Array.from({ length: 1 + ((i * 3) % 5) }, (_, j) => i * 7 + j),
    )
    const alone = tokens.map((list) => {
      const session = createSession(probe.parts, 16)
      const recorder = recordSteps(2, true)
      const logits = session.append(list, 0, recorder).map((row) => row.slice())
      session.close()
      return { logits, trace: recorder.finish() }
    })
    const sessions = tokens.map(() => createSession(probe.parts, 16))
    const recorders = tokens.map(() => recordSteps(2, true))
    const results = appendTogether(
      probe.parts,
      tokens.map((list, i) => {
        const session = sessions[i]!
        return { session, cache: session.reserve(list.length), tokens: list, logitsFrom: 0, recorder: recorders[i] }
      }),
    )
    const together = results.map((result, i) => {
      assert.ok(result.ok)
      return { logits: result.logits.map((row) => row.slice()), trace: recorders[i]!.finish() }
    })
    assert.deepEqual(together, alone)
    for (const session of sessions) session.close()
  }
})

test('a number that is not finite fails the conversation in which it arises alone', () => {
  const { parts } = probe
  const poisoned = createSession(parts, 16)
  const healthy = createSession(parts, 16)
  // A key of the poisoned session that is infinite stands for any overflow: only its own rows read it.
  const cache = poisoned.reserve(2)
  poisoned.append([1], 1)
  parts.arena.floats(cache.address, 1)[0] = Number.POSITIVE_INFINITY
  const alone = createSession(parts, 16)
  const expected = alone.append([4, 5], 1)[0]!.slice()
  const [bad, good] = appendTogether(parts, [
    { session: poisoned, cache, tokens: [2], logitsFrom: 0, recorder: undefined },
    { session: healthy, cache: healthy.reserve(2), tokens: [4, 5], logitsFrom: 1, recorder: undefined },
  ])
  assert.ok(!bad!.ok && bad!.fault.name === 'NumberNotFiniteError', 'the overflow is reported')
  assert.match(bad!.fault.message, /layer 0 attention/, 'where it arose')
  assert.ok(good!.ok)
  assert.deepEqual(good!.logits[0]!.slice(), expected)
  assert.deepEqual([poisoned.length, healthy.length], [1, 2])
  for (const session of [poisoned, healthy, alone]) session.close()
})

test('memory is bounded: who does not fit waits, who waits too long a line is refused, the place of one who left is taken', async () => {
  const tight = { sessionsMax: 8, positionsMax: 200, waitingMax: 2 }
  const batch = createChatBatch(probe, tight)
  const first = batch.add(request('a', 1, 150))
  const second = batch.add(request('b', 2, 150))
  assert.ok(batch.step())
  assert.deepEqual(batch.size(), { running: 1, waiting: 1 })
  batch.add(request('c', 3, 5)).result.catch(() => undefined)
  assert.throws(() => batch.add(request('d', 4, 5)), { name: 'BatchFullError' })
  first.abort()
  assert.equal((await first.result).finishReason, 'cancelled')
  assert.ok(batch.step())
  // Both fit in what the first had.
  assert.deepEqual(batch.size(), { running: 2, waiting: 0 })
  runToEnd(batch)
  assert.equal((await second.result).promptTokens.length, second.promptTokens)
  // Larger than the bound, but alone: it runs.
  const large = batch.add(request('e', 5, 400))
  runToEnd(batch)
  assert.ok((await large.result).outputTokens.length > 0)
  assert.throws(() => batch.add(request('x', 1, 0)), { name: 'ChatInvalidError' })
})

test('a newcomer’s prompt goes through while others answer, and holds up none of them', async () => {
  const batch = createChatBatch(probe, roomy)
  const counts = [0, 0]
  const answering = [0, 1].map((i) => batch.add(request('x', i, 200, 1.3), { onToken: () => counts[i]!++ }))
  batch.step()
  let first: number | undefined
  const newcomer = batch.add(request('word '.repeat(60), 9, 3), {
    onToken: () => {
      first ??= counts[0]!
    },
  })
  let passes = 0
  while (first === undefined) {
    const before = [...counts]
    assert.ok(batch.step())
    passes++
    for (const [i, count] of counts.entries()) if (before[i]! > 0 && count < 200) assert.equal(count, before[i]! + 1)
  }
  assert.ok(passes <= Math.ceil(newcomer.promptTokens / (positionsMax - 2)) + 1, `${passes} passes`)
  assert.ok(passes > newcomer.promptTokens / positionsMax)
  runToEnd(batch)
  for (const seat of answering) assert.ok((await seat.result).outputTokens.length > 0)
})

test('several prompts go through in the rows that answers leave, in as few passes as hold them', async () => {
  const batch = createChatBatch(probe, roomy)
  const answering = [0, 1].map((i) => batch.add(request('x', i, 200, 1.3)))
  batch.step()
  const firsts = new Set<number>()
  const asked = [20, 9, 14].map((words, i) => request('word '.repeat(words), i, 3))
  const newcomers = asked.map((each, i) => batch.add(each, { onToken: () => firsts.add(i) }))
  // What the template puts before them has gone through already.
  const opening = probe.promptTokens([{ role: 'user', content: 'a' }]).indexOf(probe.tokenizer.encode('a')[0]!)
  const rows = newcomers.reduce((sum, { promptTokens }) => sum + promptTokens - opening, 0)
  let passes = 0
  while (firsts.size < 3 && batch.step()) passes++
  assert.equal(passes, Math.ceil(rows / (positionsMax - 2)))
  runToEnd(batch)
  for (const seat of answering) await seat.result
  for (const [i, { result }] of newcomers.entries()) {
    assert.deepEqual(facts(await result), facts(await runChat(probe, asked[i]!)))
  }
})
