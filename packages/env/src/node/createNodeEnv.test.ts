import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { createNodeEnv } from './createNodeEnv.ts'
import { createNodeLog } from './nodeLog.ts'

test('clock, randomness and metrics of the real world', async () => {
  const env = createNodeEnv({ dataFolder: tmpdir(), log: 'silent' })
  const controller = new AbortController()
  const sleeping = env.clock.sleep(100_000, controller.signal)
  controller.abort()
  await assert.rejects(sleeping, { code: 'env/aborted' })
  await assert.rejects(env.clock.sleep(1, controller.signal), { code: 'env/aborted' })
  const beforeMs = env.clock.monotonicMs()
  await env.clock.sleep(1)
  assert.ok(env.clock.monotonicMs() >= beforeMs)
  assert.notDeepEqual(env.random.bytes(32), env.random.bytes(32))
  assert.equal(env.random.bytes(5).buffer.byteLength, 5)
  env.metrics.counter('weightless_test_total', 'Test.').add(2)
  env.metrics.counter('weightless_test_total', 'Test.').add()
  env.metrics.gauge('weightless_test_bytes', 'Test.').set(7)
  env.metrics.histogram('weightless_test_ms', 'Test.', [1, 10]).observe(5)
  const text = await env.metrics.render()
  assert.match(text, /weightless_test_total 3\n/)
  assert.match(text, /weightless_test_bytes 7\n/)
  assert.match(text, /weightless_test_ms_bucket\{le="10"\} 1\n/)
  await env.close()
})

test('log lines in both forms', () => {
  const lines: string[] = []
  const write = (line: string) => void lines.push(line)
  createNodeLog('text', 'info', write)
    .child('a')
    .child('b')
    .warn('segment stored', { size: 3n, note: 'x\ny', no: undefined })
  createNodeLog('json', 'debug', write).debug('asked', { size: 3n })
  createNodeLog('text', 'warn', write).info('dropped')
  createNodeLog('silent', 'debug', write).error('dropped')
  assert.equal(lines.length, 2)
  assert.match(lines[0]!, /^\d\d:\d\d:\d\d\.\d{3} warn {2}a\.b segment stored size=3 note=x\\ny\n$/)
  const { time, ...rest } = JSON.parse(lines[1]!)
  assert.match(time, /^\d{4}-.*Z$/)
  assert.deepEqual(rest, { level: 'debug', scope: '', event: 'asked', size: '3' })
})
