/** Connections beyond the bound of arriving bodies wait, and are answered; silent ones keep nobody out. */
import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import type { HttpHandler, Server } from '../env.ts'
import { readBody } from '../readBody.ts'
import { createNodeNetwork } from './createNodeNetwork.ts'
import { createNodeLog } from './nodeLog.ts'

const body = new Uint8Array(300_000)

async function withGate(
  handler: HttpHandler,
  run: (server: Server, network: ReturnType<typeof createNodeNetwork>) => Promise<void>,
): Promise<void> {
  const network = createNodeNetwork(createNodeLog('silent'))
  try {
    await run(await network.serve({ port: 0, handler, receivingMax: 4 }), network)
  } finally {
    await network.close()
  }
}

function post(url: string, agent: Agent | false): Promise<{ status: number; connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', agent }, (response) => {
      response.resume().once('end', () => {
        resolve({ status: response.statusCode!, connection: response.headers.connection })
      })
    })
    asked.once('error', reject)
    asked.end(body)
  })
}

test('no more bodies arrive at once than the bound, and every post is answered', async () => {
  let now = 0
  let most = 0
  const handler: HttpHandler = async (asked) => {
    most = Math.max(most, ++now)
    await new Promise((resolve) => setTimeout(resolve, 5))
    const bytes = await readBody(asked.body)
    now--
    return { status: bytes.length === body.length ? 200 : 500 }
  }
  await withGate(handler, async ({ url }) => {
    const agent = new Agent({ keepAlive: true })
    for (let round = 0; round < 2; round++) {
      const answers = await Promise.all(Array.from({ length: 60 }, () => post(url, agent)))
      assert.ok(answers.every(({ status }) => status === 200))
      assert.ok(answers.some(({ connection }) => connection === 'close'))
    }
    agent.destroy()
  })
  // Connections that were kept from the end of the first round come in beside those let in anew.
  assert.ok(most >= 2 && most <= 12, `${most} at once`)
})

test('silent connections keep nobody out, and those that wait are closed with the server', async () => {
  const handler: HttpHandler = async (asked) => {
    await readBody(asked.body)
    return { status: 200 }
  }
  await withGate(handler, async ({ url, port, close }) => {
    const silent: Socket[] = []
    for (let i = 0; i < 6; i++) silent.push(connect(port, '127.0.0.1').on('error', () => undefined))
    assert.equal((await post(url, false)).status, 200)
    const waiting = Array.from({ length: 12 }, () => connect(port, '127.0.0.1').on('error', () => undefined))
    const closed = Promise.all(waiting.map((socket) => new Promise((resolve) => socket.once('close', resolve))))
    await close()
    await closed
    for (const socket of silent) socket.destroy()
  })
})
