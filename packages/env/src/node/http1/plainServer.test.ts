/** Plain requests on connections of our own, and what is not plain on the same connections, by raw bytes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import type { HttpHandler, ServeOptions } from '../../env.ts'
import { readBody } from '../../readBody.ts'
import { createNodeNetwork } from '../createNodeNetwork.ts'
import { createNodeLog } from '../nodeLog.ts'
import { createPlainServer } from './plainServer.ts'

const echo: HttpHandler = async ({ method, path, body }) => {
  const text = Buffer.from(await readBody(body)).toString()
  return { status: 200, body: `${method} ${path} ${text}` }
}

async function withSocket(
  options: Partial<ServeOptions>,
  run: (client: Client, port: number) => Promise<void>,
): Promise<void> {
  const network = createNodeNetwork(createNodeLog('silent'))
  try {
    const { port } = await network.serve({ port: 0, handler: echo, ...options })
    const client = openClient(port)
    await run(client, port)
    client.socket.destroy()
  } finally {
    await network.close()
  }
}

type Client = { socket: Socket; text(): string; has(text: string): Promise<void>; closed: Promise<unknown> }

function openClient(port: number): Client {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  let look = () => {}
  socket.on('error', () => undefined)
  socket.on('data', (piece) => {
    text += piece.toString('latin1')
    look()
  })
  return {
    socket,
    text: () => text,
    closed: once(socket, 'close'),
    has: (wanted) =>
      new Promise((resolve, reject) => {
        look = () => text.includes(wanted) && resolve()
        socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)))
        look()
      }),
  }
}

const post = (path: string, body: string, ...lines: string[]): string =>
  [`POST ${path} HTTP/1.1`, 'host: localhost', ...lines, `content-length: ${body.length}`, '', body].join('\r\n')
const countOf = (text: string, part: string): number => text.split(part).length - 1

describe('plain requests', () => {
  test('one after the other, in one piece, byte by byte and piled up, each is answered in its turn', async () => {
    const all = ['/a', '/b', '/c'].map((path) => post(path, `body of ${path}`))
    for (const pieces of [all, [all.join('')], all.join('').split('')]) {
      await withSocket({}, async ({ socket, has, text }) => {
        socket.setNoDelay(true)
        for (const piece of pieces) {
          socket.write(piece)
          if (piece.length === 1) await new Promise((resolve) => setImmediate(resolve))
        }
        await has('POST /c body of /c')
        const order = ['/a', '/b', '/c'].map((path) => text().indexOf(`POST ${path} body of ${path}`))
        assert.deepEqual(
          order.toSorted((a, b) => a - b),
          order,
        )
        assert.equal(countOf(text(), 'HTTP/1.1 200 OK'), 3)
      })
    }
  })

  test('what is not plain is answered too, between plain ones on one connection', async () => {
    await withSocket({}, async ({ socket, has }) => {
      socket.write(post('/first', 'x'))
      await has('POST /first x')
      socket.write(
        'POST /second HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      )
      await has('POST /second abc')
      socket.write('POST /third HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n')
      await has('HTTP/1.1 100 Continue')
      socket.write('y')
      await has('POST /third y')
    })
  })

  test('a request that two readers could cut in two ways reaches nobody, nor does what follows it', async () => {
    const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n'
    const attempts = [
      `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\ncontent-length: 44\r\n\r\n${smuggled}`,
      `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length : 44\r\n\r\n${smuggled}`,
      `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0x0\r\n\r\n${smuggled}`,
      `POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: xchunked\r\n\r\n${smuggled}`,
      `POST / HTTP/1.1\r\nhost: localhost\r\nx: a\r\n content-length: 0\r\n\r\n${smuggled}`,
      `POST / HTTP/1.1\r\nhost: localhost\nx: a\r\n\r\n${smuggled}`,
    ]
    const paths: string[] = []
    const handler: HttpHandler = async (request) => {
      paths.push(request.path)
      return echo(request)
    }
    for (const attempt of attempts) {
      await withSocket({ handler }, async ({ socket, has, closed, text }) => {
        socket.write(post('/before', ''))
        await has('POST /before ')
        socket.write(attempt)
        await closed
        assert.match(text(), /HTTP\/1\.1 400 Bad Request/)
      })
    }
    assert.equal(paths.includes('/smuggled'), false)
    assert.equal(countOf(paths.join(), '/before'), attempts.length)
  })

  test('a body that nobody reads does not become the next request', async () => {
    const handler: HttpHandler = async ({ path }) => ({ status: 200, body: `seen ${path}` })
    await withSocket({ handler }, async ({ socket, has, text }) => {
      const inner = post('/inner', '')
      socket.write(post('/outer', inner.repeat(2_000)).slice(0, 500))
      await has('seen /outer')
      socket.write(post('/outer', inner.repeat(2_000)).slice(500) + post('/last', ''))
      await has('seen /last')
      assert.equal(text().includes('seen /inner'), false)
    })
  })

  test('who is not read waits: the connection is not read on either', async () => {
    let read: () => void = () => {}
    const reading = new Promise<void>((resolve) => {
      read = resolve
    })
    const handler: HttpHandler = async ({ body }) => {
      await reading
      return { status: 200, body: `${(await readBody(body)).length} bytes` }
    }
    await withSocket({ handler }, async ({ socket, has }) => {
      const size = 48 * 1024 * 1024
      socket.write(`POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${size}\r\n\r\n`)
      const piece = Buffer.alloc(1024 * 1024)
      for (let sent = 0; sent < size; sent += piece.length) socket.write(piece)
      // What the systems hold between the two is all that leaves.
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
      assert.ok(socket.writableLength > 0)
      read()
      await has(`${size} bytes`)
    })
  })

  test('an answer cannot say more than it should: no header with a line end, no other length than told', async () => {
    async function* tooShort(): AsyncGenerator<string> {
      yield 'four'
    }
    async function* tooLong(): AsyncGenerator<string> {
      yield 'longer'
    }
    const answers: Record<string, Awaited<ReturnType<HttpHandler>>> = {
      '/line': { status: 200, headers: { 'x-word': 'a\r\nset-cookie: b' }, body: 'secret' },
      '/short': { status: 200, headers: { 'content-length': '5' }, body: tooShort() },
      '/long': { status: 200, headers: { 'content-length': '3' }, body: tooLong() },
    }
    for (const path of Object.keys(answers)) {
      await withSocket({ handler: async () => answers[path]! }, async ({ socket, closed, text }) => {
        socket.write(post(path, ''))
        await closed
        assert.doesNotMatch(text(), /secret|set-cookie|longer/)
      })
    }
  })

  test('a stream that goes on and on ends when its client has left, wherever it is then', async () => {
    for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const ended = Promise.withResolvers<void>()
      async function* ticks(): AsyncGenerator<string> {
        try {
          for (;;) {
            yield 'tick'
            await new Promise((resolve) => setImmediate(resolve))
          }
        } finally {
          ended.resolve()
        }
      }
      await withSocket({ handler: async () => ({ status: 200, body: ticks() }) }, async ({ socket, has }) => {
        socket.write(post('/ticks', ''))
        await has('tick')
        socket[leave]()
        await ended.promise
      })
    }
  })

  test('streams come in chunks that end, and a client that leaves ends them', async () => {
    let isAborted = false
    const ended = Promise.withResolvers<void>()
    const handler: HttpHandler = async ({ path, signal }) => {
      async function* pieces(): AsyncGenerator<string> {
        try {
          for (const piece of ['one', '', 'three']) yield piece
          if (path !== '/left') return
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          isAborted = signal.aborted
        } finally {
          if (path === '/left') ended.resolve()
        }
      }
      return { status: 200, body: pieces() }
    }
    await withSocket({ handler }, async ({ socket, has, text }) => {
      socket.write(post('/whole', ''))
      await has('0\r\n\r\n')
      assert.match(text(), /transfer-encoding: chunked\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n$/)
      socket.write(post('/left', ''))
      await has('three\r\n0\r\n\r\nHTTP')
      socket.destroy()
      await ended.promise
      assert.equal(isAborted, true)
    })
  })
})

test('who says nothing, does not end its body, or asks nothing more is cut off in time; who waits for an answer is not', async () => {
  const limits = { silentMsMax: 10, receiveMsMax: 10, keepAliveMs: 10, stallMsMax: 1_000, bodyBytesMax: 1_000 }
  const plain = createPlainServer({
    ...limits,
    onOther: (socket) => socket.destroy(),
    async onRequest({ path }, connection) {
      if (path === '/body') return
      if (path === '/slow') await cut
      await connection.send({ status: 200, body: path }, undefined)
    },
  })
  const server = createServer((socket) => plain.accept(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const [slow, silent, kept, body] = [openClient(port), openClient(port), openClient(port), openClient(port)]
  const cut = Promise.all([silent.closed, kept.closed, body.closed])
  slow.socket.write(post('/slow', ''))
  kept.socket.write(post('/kept', ''))
  body.socket.write(post('/body', '0123456789').slice(0, -1))
  await kept.has('/kept')
  await slow.has('/slow')
  await slow.closed
  await new Promise((resolve) => server.close(resolve))
})
