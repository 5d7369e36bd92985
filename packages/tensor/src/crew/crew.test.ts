import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { createChatBatch } from '../chat/chatBatch.ts'
import { replayChat } from '../chat/replayChat.ts'
import { runChat } from '../chat/runChat.ts'
import { loadModel } from '../model/loadModel.ts'
import { makeProbeModel } from '../selfCheck/makeProbeModel.ts'
import { createCrewSeat, dismissCrew, type MateInput, mateModule } from './crew.ts'

const bootstrap = `const { workerData } = require('node:worker_threads')
import(workerData.module).then(({ default: main }) => main(undefined, workerData.input))`

const fileOf = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../../vectors/tensor/tiny-${name}.gguf`, import.meta.url)))
const files = { 'the probe': makeProbeModel(), 'more types': fileOf('types'), 'Gemma 2': fileOf('gemma2') }

for (const [name, file] of Object.entries(files)) {
  test(`${name}: with mate threads on a shared memory the bits stay the same, and they end when dismissed`, async () => {
    const seat = createCrewSeat(2)
    const request = {
      messages: [{ role: 'user', content: 'The same bits, whoever computes them? '.repeat(4) }],
      seed32: new Uint8Array(32).fill(3),
      maxTokens: 24,
      temperature: 0.7,
      topP: 0.9,
    }
    const alone = await runChat(await loadModel(file), request, { trace: 'operators' })
    const model = await loadModel(file, { seat })
    const before = await runChat(model, request)
    assert.deepEqual(before.trace!.root, alone.trace!.root, 'before the mates have started')
    const workers = [0, 1].map((index) => {
      const input: MateInput = { seat, index }
      return new Worker(bootstrap, { eval: true, workerData: { module: mateModule.href, input } })
    })
    const ends = workers.map((worker) => once(worker, 'exit'))
    for (let i = 0; i < 500 && model.parts.crew!.size() < 3; i++) await sleep(10)
    assert.equal(model.parts.crew!.size(), 3)
    const together = await runChat(model, request, { trace: 'operators' })
    assert.deepEqual(together.trace, alone.trace)
    const { outputTokens, finishReason, trace } = alone
    assert.ok((await replayChat(model, request, { outputTokens, finishReason, trace })).ok)
    const batch = createChatBatch(model, { sessionsMax: 8, positionsMax: 10_000, waitingMax: 8 })
    const seats = Array.from({ length: 8 }, (_, i) =>
      batch.add({ ...request, maxTokens: 3 + 3 * i }, { trace: 'operators' }),
    )
    while (batch.step());
    for (const [i, { result }] of seats.entries()) {
      const { trace: whole, outputTokens } = await result
      assert.deepEqual(outputTokens, alone.outputTokens.slice(0, 3 + 3 * i))
      assert.deepEqual(whole!.operators!.slice(0, -1), alone.trace!.operators!.slice(0, whole!.steps.length - 1))
    }
    dismissCrew(seat)
    await Promise.all(ends)
  })
}
