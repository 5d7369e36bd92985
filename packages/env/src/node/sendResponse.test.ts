/** Whatever a streamed body holds is released, even if the client left before the first piece was asked for. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNodeEnv } from './createNodeEnv.ts'

test('a body that is made only after the client has gone still runs its finally', async () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-env-'))
  const env = createNodeEnv({ dataFolder, log: 'silent' })
  const released = Promise.withResolvers<string>()
  const asked = Promise.withResolvers<void>()
  async function* body(): AsyncGenerator<string> {
    try {
      yield 'first'
      yield 'second'
    } finally {
      released.resolve('released')
    }
  }
  const server = await env.network.serve({
    port: 0,
    async handler({ signal }) {
      asked.resolve()
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      return { status: 200, body: body() }
    },
  })
  const control = new AbortController()
  const request = env.network.fetch(server.url, { signal: control.signal })
  await asked.promise
  control.abort()
  await assert.rejects(request)
  assert.equal(await released.promise, 'released')
  await server.close()
  await env.close()
  rmSync(dataFolder, { recursive: true })
})
