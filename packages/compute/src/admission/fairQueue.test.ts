/** Turns are fair, bounds hold, and leaving frees a place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFairQueue, QueueFullError, QueueLeftError } from './fairQueue.ts'

const never = new AbortController().signal

test('users take turns, whoever brought more', async () => {
  const queue = createFairQueue({ runningMax: 1, waitingMax: 10, perUserMax: 5 })
  const order: string[] = []
  const jobs = ['a', 'a', 'a', 'b', 'c'].map(async (user, index) => {
    const end = await queue.enter(user, never)
    order.push(`${user}${index}`)
    end()
    end()
  })
  await Promise.all(jobs)
  assert.deepEqual(order, ['a0', 'a1', 'b3', 'c4', 'a2'])
  assert.deepEqual(queue.size(), { running: 0, waiting: 0 })
})

test('tickets share the turns, and the one without stake is not forgotten', async () => {
  const queue = createFairQueue({ runningMax: 1, waitingMax: 100, perUserMax: 60 })
  const end = await queue.enter('first', never)
  const order: string[] = []
  const bring = async (user: string, tickets: number) => {
    const endTurn = await queue.enter(user, never, tickets)
    order.push(user)
    endTurn()
  }
  const jobs = Array.from({ length: 40 }, () => [bring('one', 1), bring('three', 3)]).flat()
  end()
  await Promise.all(jobs)
  // the jobs of the larger share run out after some 53 turns; until then three in four are its own
  const early = order.slice(0, 40)
  assert.equal(early.filter((user) => user === 'three').length, 30)
  for (let at = 0; at + 4 <= 40; at += 4) assert.ok(order.slice(at, at + 4).includes('one'))
})

test('a single job of a large stake goes before many of none', async () => {
  const queue = createFairQueue({ runningMax: 1, waitingMax: 10, perUserMax: 5 })
  const end = await queue.enter('first', never)
  const order: string[] = []
  const bring = async (user: string, tickets: number) => {
    const endTurn = await queue.enter(user, never, tickets)
    order.push(user)
    endTurn()
  }
  const jobs = [bring('a', 1), bring('b', 1), bring('staked', 64), bring('nonsense', -5), bring('huge', 1e9)]
  end()
  await Promise.all(jobs)
  assert.deepEqual(order, ['staked', 'huge', 'a', 'b', 'nonsense'])
})

test('one ticket waits for a bounded time while large stakes arrive without end', async () => {
  const queue = createFairQueue({ runningMax: 1, waitingMax: 4, perUserMax: 1 })
  let end = await queue.enter('first', never)
  let isServed = false
  const poor = queue.enter('poor', never, 1).then((endTurn) => {
    isServed = true
    return endTurn
  })
  let turns = 0
  let coming = [1, 2, 3].map((index) => queue.enter(`rich ${index}`, never, 64))
  while (!isServed && turns < 1000) {
    end()
    end = await Promise.race([...coming, poor])
    await Promise.resolve()
    const [, ...rest] = coming
    coming = [...rest, queue.enter(`rich ${turns++ + 4}`, never, 64)]
  }
  assert.ok(isServed && turns <= 64 * 4, `${turns} turns`)
})

test('bounds per user and for all are refusals with a scope', async () => {
  const queue = createFairQueue({ runningMax: 1, waitingMax: 2, perUserMax: 2 })
  await queue.enter('a', never)
  const waiting = queue.enter('a', never)
  await assert.rejects(queue.enter('a', never), (error) => error instanceof QueueFullError && error.scope === 'user')
  const other = queue.enter('b', never)
  await assert.rejects(queue.enter('c', never), (error) => error instanceof QueueFullError && error.scope === 'all')
  assert.deepEqual(queue.size(), { running: 1, waiting: 2 })
  void waiting
  void other
})

test('whoever leaves while waiting frees the place', async () => {
  const queue = createFairQueue({ runningMax: 1, waitingMax: 1, perUserMax: 1 })
  const end = await queue.enter('a', never)
  const leaver = new AbortController()
  const left = queue.enter('b', leaver.signal)
  leaver.abort()
  await assert.rejects(left, QueueLeftError)
  const next = queue.enter('b', never)
  end()
  await next
  assert.deepEqual(queue.size(), { running: 1, waiting: 0 })
})

test('never runs more than allowed and always empties', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(5), { maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      async (users, runningMax) => {
        const queue = createFairQueue({ runningMax, waitingMax: 20, perUserMax: 6 })
        let running = 0
        await Promise.all(
          users.map(async (user) => {
            try {
              const end = await queue.enter(String(user), never)
              running++
              assert.ok(running <= runningMax)
              await Promise.resolve()
              running--
              end()
            } catch (error) {
              assert.ok(error instanceof QueueFullError)
            }
          }),
        )
        assert.deepEqual(queue.size(), { running: 0, waiting: 0 })
      },
    ),
  )
})
