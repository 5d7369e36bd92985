/** Requests through the web's fetch behave as those through Node's sockets: answers, silence, aborts, leaving early. */
import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { AbortedError, BodyTooLargeError, NetworkError } from '../faults.ts'
import { createBrowserEnv } from './createBrowserEnv.ts'

const { network } = createBrowserEnv()

async function withServer(
  answer: (response: ServerResponse) => void,
  work: (url: string) => Promise<void>,
): Promise<void> {
  const server = createServer((_, response) => answer(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

test('an answer has its status, headers in lower case, and its bytes', () =>
  withServer(
    (response) => response.writeHead(418, { 'X-Weightless-Receipt': 'r' }).end('{"a":1}'),
    async (url) => {
      const response = await network.fetch(url)
      assert.equal(response.status, 418)
      assert.equal(response.headers['x-weightless-receipt'], 'r')
      assert.deepEqual(await response.json(), { a: 1 })
    },
  ))

test('a body above the limit is refused', () =>
  withServer(
    (response) => response.end('x'.repeat(1000)),
    async (url) => assert.rejects(async () => (await network.fetch(url)).bytes(999), BodyTooLargeError),
  ))

test('silence ends with a timeout, before the answer and in the middle of it', async () => {
  await withServer(
    () => {},
    async (url) =>
      assert.rejects(
        network.fetch(url, { timeoutMs: 30 }),
        (error: unknown) => error instanceof NetworkError && error.facts.reason === 'timeout',
      ),
  )
  await withServer(
    (response) => response.write('half'),
    async (url) => {
      const response = await network.fetch(url, { timeoutMs: 100 })
      await assert.rejects(
        response.text(),
        (error: unknown) => error instanceof NetworkError && error.facts.reason === 'timeout',
      )
    },
  )
})

test('an abort is an abort, and a refused connection a network error', async () => {
  await withServer(
    () => {},
    async (url) => {
      const control = new AbortController()
      const waiting = network.fetch(url, { signal: control.signal })
      control.abort()
      await assert.rejects(waiting, AbortedError)
    },
  )
  await assert.rejects(network.fetch('http://127.0.0.1:9/'), NetworkError)
})

test('who stops reading ends the request', async () => {
  let ended: () => void = () => {}
  const closed = new Promise<void>((resolve) => {
    ended = resolve
  })
  await withServer(
    (response) => {
      const timer = setInterval(() => response.write('data\n'), 5)
      response.on('close', () => {
        clearInterval(timer)
        ended()
      })
    },
    async (url) => {
      for await (const part of (await network.fetch(url)).body) {
        assert.ok(part.length > 0)
        break
      }
      await closed
    },
  )
})
