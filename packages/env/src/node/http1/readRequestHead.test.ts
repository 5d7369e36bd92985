/** Heads that are plain mean to node:http what they mean here; whatever could mean something else is left to it. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import { createSimRandom } from '../../sim/simRandom.ts'
import { readRequestHead } from './readRequestHead.ts'

const plain = [
  'POST /v1/chat/completions?a=1&b=%20 HTTP/1.1',
  'host: 127.0.0.1:8080',
  'Content-Type: application/json',
  'authorization: Bearer sk-1',
  'accept: */*',
  'accept: text/event-stream',
  'cookie: a=1',
  'cookie: b=2',
  'x-word:  \t spaced \t',
  'connection: keep-alive',
  'content-length: 5',
].join('\r\n')

type Seen = { method: string; url: string; headers: unknown; body: string }

/** What node:http makes of the bytes. */
async function seenByNode(bytes: Buffer): Promise<Seen[]> {
  const seen: Seen[] = []
  const server = createServer((message: IncomingMessage, response) => {
    let body = ''
    message.on('data', (piece: Buffer) => {
      body += piece.toString('latin1')
    })
    message.on('end', () => {
      seen.push({ method: message.method!, url: message.url!, headers: message.headers, body })
      response.end()
    })
  })
  const stream = new Duplex({ read: () => undefined, write: (_, __, done) => done() })
  stream.on('error', () => undefined)
  server.emit('connection', stream)
  stream.push(bytes)
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
  stream.destroy()
  return seen
}

describe('heads of requests', () => {
  test('a plain one is read as node:http reads it', async () => {
    const head = readRequestHead(plain)
    assert.ok(head)
    const [seen] = await seenByNode(Buffer.from(`${plain}\r\n\r\nhello`))
    assert.deepEqual({ ...head.headers }, seen?.headers)
    assert.equal(head.method, seen?.method)
    assert.equal(head.target, seen?.url)
    assert.equal(head.bodyBytes, 5)
  })

  test('what a proxy could read in another way is not plain', () => {
    const post = (...lines: string[]) => ['POST / HTTP/1.1', 'host: a', ...lines].join('\r\n')
    const others = [
      post('content-length: 5', 'transfer-encoding: chunked'),
      post('transfer-encoding: chunked'),
      post('transfer-encoding: identity'),
      post('Transfer-Encoding : chunked'),
      post('content-length: 5', 'content-length: 6'),
      post('content-length: 5', 'content-length: 5'),
      post('content-length: 5, 5'),
      post('content-length: +5'),
      post('content-length: -5'),
      post('content-length: 0x5'),
      post('content-length: 5 5'),
      post('content-length:'),
      post('content-length: 9999999999999999'),
      post('content-length : 5'),
      post('x: a', ' content-length: 5'),
      post('x: a', '\tcontent-length: 5'),
      post('x: a\ncontent-length: 5'),
      post('x: a\rcontent-length: 5'),
      post('x: a\0'),
      post('x\0: a'),
      post(': a'),
      post('no colon'),
      post('expect: 100-continue'),
      post('upgrade: websocket', 'connection: upgrade'),
      post('connection: close'),
      post('connection: keep-alive, upgrade'),
      post('trailer: x'),
      post('host: b'),
      'POST / HTTP/1.1\r\nx: a',
      'POST / HTTP/1.0\r\nhost: a',
      'POST / HTTP/1.11\r\nhost: a',
      'POST / HTTP/2\r\nhost: a',
      'POST /\r\nhost: a',
      'POST  / HTTP/1.1\r\nhost: a',
      'POST\t/ HTTP/1.1\r\nhost: a',
      'POST / HTTP/1.1 \r\nhost: a',
      'POST / HTTP/1.1\nhost: a',
      ' POST / HTTP/1.1\r\nhost: a',
      '\r\nPOST / HTTP/1.1\r\nhost: a',
      'POST http://b/ HTTP/1.1\r\nhost: a',
      'POST /a b HTTP/1.1\r\nhost: a',
      'POST /\x80 HTTP/1.1\r\nhost: a',
      'post / HTTP/1.1\r\nhost: a',
      'HEAD / HTTP/1.1\r\nhost: a',
      'OPTIONS / HTTP/1.1\r\nhost: a',
      'CONNECT a:1 HTTP/1.1\r\nhost: a',
      'PRI * HTTP/2.0\r\nhost: a',
      '',
    ]
    assert.ok(readRequestHead(post('content-length: 5')))
    for (const head of others) assert.equal(readRequestHead(head), undefined, JSON.stringify(head))
  })

  test('of heads changed at random none is plain that node:http reads differently', async () => {
    const random = createSimRandom(11)
    const odd = [
      '\r',
      '\n',
      '\r\n',
      ' ',
      '\t',
      ':',
      ',',
      '\0',
      '\x80',
      '5',
      'content-length: 1\r\n',
      'host: b\r\n',
      '\r\n\r\n',
    ]
    const body = 'hello world'
    let plainCount = 0
    for (let round = 0; round < 3_000; round++) {
      let text = plain
      const changes = 1 + random.integer(3)
      for (let change = 0; change < changes; change++) {
        const at = random.integer(text.length)
        const piece = odd[random.integer(odd.length)]!
        text = text.slice(0, at) + piece + text.slice(at + random.integer(3))
      }
      const end = text.indexOf('\r\n\r\n')
      const head = readRequestHead(end < 0 ? text : text.slice(0, end))
      if (!head) continue
      plainCount++
      const bytes = Buffer.from(
        `${end < 0 ? text : text.slice(0, end)}\r\n\r\n${body.slice(0, head.bodyBytes)}`,
        'latin1',
      )
      if (head.bodyBytes > body.length) continue
      const seen = await seenByNode(bytes)
      const expected = {
        method: head.method,
        url: head.target,
        headers: { ...head.headers },
        body: body.slice(0, head.bodyBytes),
      }
      assert.deepEqual(seen, [expected], JSON.stringify(text))
    }
    assert.ok(plainCount > 100, `${plainCount} were plain`)
  })
})
