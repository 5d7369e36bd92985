/** The client against servers that say their bytes one by one: answers of every form, and those that are none. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { NetworkError } from '../../faults.ts'
import { createNodeNetwork } from '../createNodeNetwork.ts'
import { createNodeLog } from '../nodeLog.ts'

describe('requests over connections of our own', () => {
  const network = createNodeNetwork(createNodeLog('silent'))
  const servers: ReturnType<typeof createServer>[] = []
  after(async () => {
    await network.close()
    for (const server of servers) server.close()
  })

  /** Calls `onRequest` for each head that comes; counts connections. */
  async function serve(onRequest: (socket: Socket, count: number, text: string) => void) {
    const seen = { connections: 0, requests: 0 }
    const server = createServer((socket) => {
      seen.connections++
      socket.on('error', () => undefined)
      let text = ''
      socket.on('data', (piece) => {
        text += piece.toString('latin1')
        if (!text.includes('\r\n\r\n')) return
        const whole = text
        text = ''
        onRequest(socket, seen.requests++, whole)
      })
    })
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }

  /** One byte after another, each in a packet of its own as far as the system allows. */
  async function drip(socket: Socket, text: string): Promise<void> {
    for (const byte of Buffer.from(text, 'latin1')) {
      socket.write(Uint8Array.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  const reasonOf = (asking: Promise<unknown>): Promise<string> =>
    asking.then(
      () => 'answered',
      (fault) => (fault instanceof NetworkError ? String(fault.facts.reason) : String(fault)),
    )

  test('answers of every form are read, whole and byte by byte, over one connection', async () => {
    const answers = [
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a:\t 2 \r\n\r\nhello',
      'HTTP/1.1 200\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nhel\r\n0002;x=y\r\nlo\r\n0\r\ntrailer: x\r\n\r\n',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello',
    ]
    const { url, seen } = await serve((socket, count) => {
      const answer = answers[count % answers.length]!
      if (count < answers.length) socket.write(answer, 'latin1')
      else void drip(socket, answer)
    })
    for (let count = 0; count < 2 * answers.length; count++) {
      const { status, headers, text } = await network.fetch(url)
      assert.equal(status, 200)
      assert.equal(await text(), 'hello')
      if (count % answers.length === 0) assert.equal(headers['x-a'], '1, 2')
    }
    assert.equal(seen.connections, 1)
  })

  test('answers without a body end at their head, and those without a length with their connection', async () => {
    const { url, seen } = await serve((socket, count) => {
      if (count === 0) socket.write('HTTP/1.1 204 None\r\ncontent-length: 7\r\n\r\n')
      else if (count === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n')
      else socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end')
    })
    assert.equal(await (await network.fetch(url)).text(), '')
    const head = await network.fetch(url, { method: 'HEAD' })
    assert.equal(head.headers['content-length'], '7')
    assert.equal(await head.text(), '')
    assert.equal(await (await network.fetch(url)).text(), 'until the end')
    assert.equal(seen.connections, 1)
  })

  test('what two readers could understand in two ways is no answer', async () => {
    const bad = [
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello',
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      'HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello',
      'HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\nhello',
      'HTTP/1.1 200 OK\r\na: b\r\n c: d\r\n\r\n',
      'HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n',
      'HTTP/1.1 200 OK\r\na: b\rc: d\r\n\r\n',
      'HTTP/1.1 200 OK\r\na: \0\r\n\r\n',
      'HTTP/2.0 200 OK\r\n\r\n',
      'HTTP/1.1 20 OK\r\n\r\n',
      'HTTP/1.1 101 Switching\r\n\r\n',
      'no protocol at all\r\n\r\n',
      `HTTP/1.1 200 OK\r\nlong: ${'x'.repeat(17_000)}`,
    ]
    const { url } = await serve((socket, count) => void socket.write(bad[count]!, 'latin1'))
    for (const answer of bad) assert.notEqual(await reasonOf(network.fetch(url)), 'answered', answer)
    const broken = ['-1\r\n\r\n', '5\r\nhello0\r\n\r\n', '5\nhello', 'ffffffffffffffff\r\n', `5;${'x'.repeat(2_000)}`]
    const chunked = await serve((socket, count) => {
      socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${broken[count]!}`)
    })
    for (const body of broken) {
      const answer = await network.fetch(chunked.url)
      assert.equal(await reasonOf(answer.text()), 'the answer broke off', body)
    }
  })

  test('a body that is cut says so, a head that is cut was no answer', async () => {
    const cut = ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel', 'HTTP/1.1 200 OK\r\ncontent-le', '']
    const { url } = await serve((socket, count) => void socket.end(cut[count]!))
    assert.equal(await reasonOf((await network.fetch(url)).text()), 'the answer broke off')
    assert.equal(await reasonOf(network.fetch(url)), 'ECONNRESET')
    assert.equal(await reasonOf(network.fetch(url)), 'ECONNRESET')
  })

  test('a kept connection that was closed meanwhile is no fault, and one that says more than asked is not kept', async () => {
    let isClosing = true
    const { url, seen } = await serve((socket, count) => {
      if (count === 1 && isClosing) {
        isClosing = false
        return void socket.destroy()
      }
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${count >= 2 ? 'a surplus' : 'a'}`)
    })
    for (let round = 0; round < 3; round++) {
      assert.equal(await (await network.fetch(url, { method: 'POST', body: 'x' })).text(), 'a')
    }
    assert.equal(seen.connections, 3)
  })

  test('a server that keeps connections for a second is asked over a new one', async () => {
    const { url, seen } = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 1\r\n\r\na')
    })
    for (let round = 0; round < 2; round++) assert.equal(await (await network.fetch(url)).text(), 'a')
    assert.equal(seen.connections, 2)
  })

  test('no header or path can say more than one request', async () => {
    const heads: string[] = []
    const { url } = await serve((socket, _, text) => {
      heads.push(text)
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    })
    for (const value of ['a\r\nb: c', 'a\nb', 'a\0', '\u0100']) {
      assert.notEqual(await reasonOf(network.fetch(url, { headers: { 'x-a': value } })), 'answered')
    }
    assert.notEqual(await reasonOf(network.fetch(url, { headers: { 'x a': '1' } })), 'answered')
    assert.notEqual(await reasonOf(network.fetch(url, { headers: { 'transfer-encoding': 'chunked' } })), 'answered')
    await (await network.fetch(`${url}/a b\r\n?c d`, { headers: { 'x-a': 'ä' } })).text()
    assert.deepEqual(heads.length, 1)
    assert.match(
      heads[0]!,
      /^GET \/a%20b\?c%20d HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\nx-a: \xe4\r\nconnection: keep-alive\r\n\r\n$/,
    )
  })

  test('who is not read waits: the connection is not read on either', async () => {
    let written = 0
    const { url } = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n')
      const piece = new Uint8Array(65_536)
      const pour = () => {
        while (written < 67_108_864) {
          written += piece.length
          if (!socket.write(piece)) return void socket.once('drain', pour)
        }
      }
      pour()
    })
    const answer = await network.fetch(url)
    // As long as the system takes anything for the connection.
    for (let before = -1; before < written; ) {
      before = written
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.ok(written < 50_000_000, `${written} bytes were taken for nobody`)
    let length = 0
    for await (const piece of answer.body) length += piece.length
    assert.equal(length, 67_108_864)
  })
})
