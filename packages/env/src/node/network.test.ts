/** The real network against clients of other hands: node:http, node:net, global fetch, ws. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { freeBytes } from '@weightless/codec'
import type { HttpHandler, HttpResponse, ServeOptions } from '../env.ts'
import { NetworkError } from '../faults.ts'
import { readBody } from '../readBody.ts'
import { createNodeNetwork } from './createNodeNetwork.ts'
import { createNodeLog } from './nodeLog.ts'

const log = createNodeLog('silent')

async function withServer(
  options: Partial<ServeOptions>,
  run: (url: string, network: ReturnType<typeof createNodeNetwork>) => Promise<void>,
): Promise<void> {
  const network = createNodeNetwork(log)
  try {
    const server = await network.serve({ port: 0, handler: echo, ...options })
    await run(server.url, network)
  } finally {
    await network.close()
  }
}

const echo: HttpHandler = async ({ method, path, query, headers, body }) => {
  const bytes = await readBody(body)
  const facts = { method, path, query: query.get('q'), type: headers['content-type'], length: bytes.length }
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(facts) }
}

type Raw = { status: number; headers: Record<string, unknown>; body: string }

function ask(url: string, headers: Record<string, string> = {}, method = 'GET', body?: Uint8Array): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { method, headers, agent: false }, async (response) => {
      let text = ''
      for await (const piece of response) text += piece
      resolve({ status: response.statusCode!, headers: response.headers, body: text })
    })
    asking.on('error', reject)
    asking.end(body)
  })
}

test('a request arrives as it was sent, and the answer comes back, by fetch of either hand', async () => {
  await withServer({}, async (url, network) => {
    const options = { method: 'POST', headers: { 'content-type': 'text/x' }, body: 'ä'.repeat(100_000) }
    const expected = { method: 'POST', path: '/a%20b', query: '1 2', type: 'text/x', length: 200_000 }
    const own = await network.fetch(`${url}/a%20b?q=1%202`, options)
    assert.equal(own.status, 200)
    assert.deepEqual(await own.json(), expected)
    assert.deepEqual(await (await fetch(`${url}/a%20b?q=1%202`, options)).json(), expected)
    const parts = ['one', '', 'three'].map((text) => new TextEncoder().encode(text))
    const inParts = await network.fetch(url, { method: 'POST', body: parts })
    assert.equal(((await inParts.json()) as { length: number }).length, 8)
    const heads = await Promise.all(
      Array.from({ length: 50 }, () => network.fetch(url).then((answer) => answer.text())),
    )
    assert.equal(new Set(heads).size, 1)
  })
})

test('bodies above the limit get 413, told or streamed', async () => {
  let handled = 0
  const handler: HttpHandler = async (message) => {
    handled++
    return echo(message)
  }
  await withServer({ bodyBytesMax: 1000, handler }, async (url, network) => {
    assert.equal((await network.fetch(url, { method: 'POST', body: new Uint8Array(1000) })).status, 200)
    assert.equal((await network.fetch(url, { method: 'POST', body: new Uint8Array(3_000_000) })).status, 413)
    assert.equal(handled, 1)
    const streamed = await fetch(url, {
      method: 'POST',
      body: new ReadableStream({ pull: (out) => out.enqueue(new Uint8Array(600)) }),
      duplex: 'half',
    } as RequestInit).catch((error: unknown) => error)
    assert.ok(streamed instanceof Error || (streamed as Response).status === 413)
  })
})

test('only own names and known pages are answered', async () => {
  const options = { allowedHosts: ['node.example'], allowedOrigins: ['https://app.example'] }
  await withServer(options, async (url) => {
    const { port } = new URL(url)
    const statusFor = async (headers: Record<string, string>) => (await ask(url, headers)).status
    for (const host of [
      'localhost',
      `127.0.0.1:${port}`,
      `[::1]:${port}`,
      'x.localhost',
      'node.example:80',
      'NODE.example',
    ]) {
      assert.equal(await statusFor({ host }), 200, host)
    }
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1']) {
      assert.equal(await statusFor({ host }), 403, host)
    }
    for (const origin of ['http://localhost:3000', 'https://127.0.0.1', 'http://[::1]:1', 'https://app.example']) {
      const { status, headers } = await ask(url, { origin })
      assert.equal(status, 200, origin)
      assert.equal(headers['access-control-allow-origin'], origin)
      assert.equal(headers['access-control-expose-headers'], '*')
    }
    for (const origin of [
      'https://evil.example',
      'null',
      'https://app.example.evil',
      'http://localhost.evil.example',
    ]) {
      const { status, headers } = await ask(url, { origin })
      assert.equal(status, 403, origin)
      assert.equal(headers['access-control-allow-origin'], undefined)
    }
    const wanted = 'authorization, range, x-weightless-receipt'
    const preflight = await ask(
      url,
      {
        origin: 'https://app.example',
        'access-control-request-method': 'PUT',
        'access-control-request-headers': wanted,
      },
      'OPTIONS',
    )
    assert.equal(preflight.status, 204)
    assert.equal(preflight.headers['access-control-allow-headers'], wanted)
    assert.match(String(preflight.headers['access-control-allow-methods']), /PUT/)
  })
  await withServer({ allowedOrigins: '*' }, async (url) => {
    assert.equal((await ask(url, { origin: 'https://any.example' })).status, 200)
    assert.equal((await ask(url, { origin: 'null' })).status, 200)
  })
})

test('a handler that throws answers 500 and the server goes on; a body that throws breaks the connection', async () => {
  const handler: HttpHandler = async ({ path }) => {
    if (path === '/throw') throw new Error('secret')
    async function* body(): AsyncGenerator<string> {
      yield 'a'.repeat(1000)
      throw new Error('secret')
    }
    return { status: 200, body: path === '/break' ? body() : 'fine' }
  }
  await withServer({ handler }, async (url, network) => {
    const failed = await network.fetch(`${url}/throw`)
    assert.equal(failed.status, 500)
    assert.doesNotMatch(await failed.text(), /secret/)
    await assert.rejects(
      network.fetch(`${url}/break`).then((answer) => answer.text()),
      { code: 'env/network' },
    )
    assert.equal(await (await network.fetch(url)).text(), 'fine')
  })
})

test('a stream is pulled as the client reads, and ended when the client leaves or stops reading', async () => {
  let pulled = 0
  const ended: Promise<void>[] = []
  const handler: HttpHandler = async ({ signal }) => {
    let end = (): void => {}
    ended.push(
      new Promise<void>((resolve) => {
        end = resolve
      }),
    )
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          pulled++
          yield new Uint8Array(65_536)
        }
      } finally {
        assert.equal(signal.aborted, true)
        end()
      }
    }
    return { status: 200, body: body() }
  }
  await withServer({ handler, stallMsMax: 100 }, async (url, network) => {
    const answer = await network.fetch(url)
    for await (const piece of answer.body) {
      assert.ok(piece.length > 0)
      break
    }
    await ended[0]
    const { port } = new URL(url)
    const stopped = connect(Number(port), '127.0.0.1')
    stopped.on('error', () => undefined)
    stopped.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await once(stopped, 'connect')
    stopped.pause()
    while (ended.length < 2) await new Promise((resolve) => setImmediate(resolve))
    await ended[1]
    stopped.destroy()
    assert.ok(pulled < 2_000, `${pulled} pieces pulled for nobody`)
  })
})

test('a taken port is told apart, and close frees it with kept-alive connections and sockets open', async () => {
  const network = createNodeNetwork(log)
  try {
    const first = await network.serve({ port: 0, handler: echo, onSocket: () => {} })
    await assert.rejects(network.serve({ port: first.port, handler: echo }), {
      code: 'env/port-in-use',
      facts: { port: first.port, host: '127.0.0.1' },
    })
    await (await network.fetch(first.url)).text()
    const socket = await network.connect(first.url.replace('http', 'ws'))
    await first.close()
    for await (const _ of socket.messages) assert.fail('no message was sent')
    const second = await network.serve({ port: first.port, handler: echo })
    assert.equal((await (await network.fetch(second.url)).text()).length > 0, true)
    await second.close()
  } finally {
    await network.close()
  }
})

test('what gives no answer is a NetworkError, and an abort an AbortedError', async () => {
  const handler: HttpHandler = async ({ path, signal }): Promise<HttpResponse> => {
    if (path === '/moved') return { status: 302, headers: { location: '/landed' } }
    if (path === '/round') return { status: 302, headers: { location: '/round' } }
    if (path === '/landed') return { status: 200, body: 'landed' }
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    return { status: 204 }
  }
  await withServer({ handler }, async (url, network) => {
    assert.equal(await (await network.fetch(`${url}/moved`)).text(), 'landed')
    await assert.rejects(network.fetch(`${url}/round`), { code: 'env/network' })
    await assert.rejects(network.fetch(`${url}/never`, { timeoutMs: 20 }), {
      facts: { url: `${url}/never`, reason: 'timeout' },
    })
    const controller = new AbortController()
    const waiting = network.fetch(`${url}/never`, { signal: controller.signal })
    controller.abort()
    await assert.rejects(waiting, { code: 'env/aborted' })
    await assert.rejects(network.fetch(`${url}/never`, { signal: controller.signal }), { code: 'env/aborted' })
    for (const bad of ['ftp://x', 'nothing', '']) await assert.rejects(network.fetch(bad), { code: 'env/network' })
    const landed = await network.fetch(`${url}/landed`)
    await assert.rejects(landed.text(3), { code: 'env/body-too-large' })
    await assert.rejects((await network.fetch(`${url}/landed`)).json(), { code: 'env/network' })
  })
  const network = createNodeNetwork(log)
  await assert.rejects(network.fetch('http://127.0.0.1:1/'), {
    code: 'env/network',
    facts: { url: 'http://127.0.0.1:1/', reason: 'ECONNREFUSED' },
  })
  await assert.rejects(network.connect('ws://127.0.0.1:1/'), { code: 'env/network' })
  await network.close()
})

test('sockets carry text both ways, refuse unknown pages, and cut who does not read', async () => {
  let isCut = false
  let cut = (): void => {}
  const wasCut = new Promise<void>((resolve) => {
    cut = resolve
  })
  const options: Partial<ServeOptions> = {
    bufferedBytesMax: 200_000,
    bodyBytesMax: 1000,
    onSocket: async (socket) => {
      for await (const text of socket.messages) {
        if (text !== 'flood') socket.send(`echo ${text}`)
        else while (socket.send('x'.repeat(50_000))) await new Promise((resolve) => setImmediate(resolve))
      }
      isCut = true
      cut()
    },
  }
  await withServer(options, async (url, network) => {
    const ws = url.replace('http', 'ws')
    const socket = await network.connect(ws)
    socket.send('1')
    socket.send('ä')
    const seen: string[] = []
    for await (const text of socket.messages) {
      seen.push(text)
      if (seen.length === 2) break
    }
    assert.deepEqual(seen, ['echo 1', 'echo ä'])
    await wasCut
    isCut = false
    // A raw client that asks for a flood and reads nothing of it.
    const raw = connect(Number(new URL(url).port), '127.0.0.1')
    raw.on('error', () => undefined)
    const key = 'AAAAAAAAAAAAAAAAAAAAAA=='
    const upgrade = (origin: string) =>
      `GET / HTTP/1.1\r\nhost: localhost\r\n${origin}upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`
    raw.write(upgrade(''))
    await once(raw, 'data')
    raw.pause()
    raw.write(Uint8Array.of(0x81, 0x85, 0, 0, 0, 0, ...Buffer.from('flood')))
    while (!isCut) await new Promise((resolve) => setImmediate(resolve))
    raw.destroy()
    const refused = connect(Number(new URL(url).port), '127.0.0.1')
    refused.write(upgrade('origin: https://evil.example\r\n'))
    const [head] = await once(refused, 'data')
    assert.match(String(head), /^HTTP\/1.1 403/)
    refused.destroy()
  })
  await withServer({}, async (url, network) => {
    await assert.rejects(network.connect(url.replace('http', 'ws')), { code: 'env/network' })
  })
})

test('a body arrives as pieces that are its receiver\u2019s own, and each may be freed before the next', async () => {
  const sent = randomBytes(3_000_000)
  let seen = 0
  const handler: HttpHandler = async ({ body }) => {
    const hash = createHash('sha256')
    for await (const piece of body) {
      assert.ok(piece.length <= 65_536 && piece.length === piece.buffer.byteLength, 'a piece was laid together or cut')
      hash.update(piece)
      seen += piece.length
      freeBytes(piece)
    }
    return { status: 200, body: hash.digest('hex') }
  }
  await withServer({ handler }, async (url, network) => {
    const response = await network.fetch(url, { method: 'POST', body: sent })
    assert.equal(await response.text(), createHash('sha256').update(sent).digest('hex'))
    assert.equal(seen, sent.length)
    assert.equal(response.isSent(), true)
  })
})

test('an answer that comes before the request has left says so', async () => {
  await withServer({ handler: async () => ({ status: 200, body: 'early' }) }, async (url, network) => {
    const response = await network.fetch(url, { method: 'POST', body: new Uint8Array(48 * 1024 * 1024) })
    assert.equal(response.isSent(), false)
    await response.text()
  })
})

test('a failed request says whether the other end can have seen any of it', async () => {
  const network = createNodeNetwork(log)
  const unsentOf = (url: string) =>
    network.fetch(url, { method: 'POST', body: 'x', timeoutMs: 5_000 }).then(
      () => assert.fail('nobody answers there'),
      (fault) => {
        assert.ok(fault instanceof NetworkError)
        return fault.isUnsent
      },
    )
  let mode: 'answer' | 'cut' = 'cut'
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', () => {
      if (mode === 'answer') socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
      // Nobody listens any more when the second attempt comes.
      else server.close(() => undefined) && socket.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    mode = 'answer'
    await (await network.fetch(url)).bytes()
    mode = 'cut'
    assert.equal(await unsentOf(url), false, 'the kept connection carried it, and then none could be made')
    assert.equal(await unsentOf(url), true, 'refused')
  } finally {
    await network.close()
  }
})
