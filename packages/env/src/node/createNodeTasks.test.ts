import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodeTasks } from './createNodeTasks.ts'

const sumBytes = new URL('./testing/sumBytes.ts', import.meta.url)
const countUp = new URL('./testing/countUp.ts', import.meta.url)

test('tasks run in workers, move buffers, and fail with a type', async () => {
  const tasks = createNodeTasks(2, 4)
  try {
    const bytes = new Uint8Array(1000).fill(3)
    const sums = [1, 2, 3, 4, 5].map((length) => tasks.run(sumBytes, { bytes: new Uint8Array(length).fill(length) }))
    assert.deepEqual(await Promise.all(sums), [{ sum: 1 }, { sum: 4 }, { sum: 9 }, { sum: 16 }, { sum: 25 }])
    assert.deepEqual(await tasks.run(sumBytes, { bytes }, [bytes.buffer]), { sum: 3000 })
    assert.equal(bytes.length, 0)
    await assert.rejects(tasks.run(sumBytes, { bytes: new Uint8Array(0), fail: 'throw' }), {
      code: 'env/task-failed',
      facts: { module: sumBytes.href, reason: 'Refused.', taskCode: 'test/refused' },
    })
    await assert.rejects(tasks.run(sumBytes, { bytes: new Uint8Array(0), fail: 'exit' }), { code: 'env/task-failed' })
    await assert.rejects(tasks.run(new URL('./absent.ts', import.meta.url), 1), { code: 'env/task-failed' })
    await assert.rejects(
      tasks.run(sumBytes, () => 1),
      { code: 'env/task-failed' },
    )
    const many = Array.from({ length: 7 }, () => tasks.run(sumBytes, { bytes: Uint8Array.of(1) }))
    const settled = await Promise.allSettled(many)
    assert.deepEqual(
      settled.map(({ status }) => status),
      [...Array(6).fill('fulfilled'), 'rejected'],
    )
    await assert.rejects(many[6]!, { code: 'env/tasks-full' })
  } finally {
    await tasks.close()
  }
  await assert.rejects(tasks.run(sumBytes, {}), { code: 'env/aborted' })
})

test('a kept task streams both ways and ends in every way', async () => {
  const tasks = createNodeTasks(1)
  const collect = async (steps: number[]) => {
    const port = tasks.open(countUp, 10)
    for (const step of steps) port.send(step)
    const seen: unknown[] = []
    try {
      for await (const message of port.messages) {
        seen.push(message)
        if (seen.length === 3) break
      }
      return seen
    } finally {
      await port.close()
    }
  }
  try {
    assert.deepEqual(await collect([1, 2, 0]), [11, 13])
    assert.deepEqual(await collect([1, 2, 3, 4]), [11, 13, 16])
    await assert.rejects(collect([1, -1]), { code: 'env/task-failed' })
    const forgotten = tasks.open(countUp, 1)
    const first = forgotten.messages[Symbol.asyncIterator]().next()
    await tasks.close()
    assert.deepEqual(await first, { done: true, value: undefined })
  } finally {
    await tasks.close()
  }
})
