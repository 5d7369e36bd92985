/** A server that answers chats at once, whole or as a stream with pauses: what is measured beside it is all overhead. */
import { createServer } from 'node:http'

const pauseMs = 20
const pieces = 5

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json')
    return void response.end(JSON.stringify({ object: 'list', data: [{ id: 'mock', max_model_len: 8_192 }] }))
  }
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const { stream, messages } = JSON.parse(Buffer.concat(parts).toString()) as Asked
    if (stream) return void answerStream(response)
    // Another answer to each question, so that nothing can be taken from a cache.
    const content = `You said ${messages.at(-1)!.content.length} characters: ${messages.at(-1)!.content.slice(0, 40)}`
    const body = JSON.stringify({
      id: 'chatcmpl-mock',
      object: 'chat.completion',
      created: 1,
      model: 'mock',
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 12, completion_tokens: 16, total_tokens: 28 },
    })
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    response.end(body)
  })
})

type Asked = { stream?: boolean; messages: { content: string }[] }

async function answerStream(response: import('node:http').ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const head = { id: 'chatcmpl-mock', object: 'chat.completion.chunk', created: 1, model: 'mock' }
  const event = (value: object) => response.write(`data: ${JSON.stringify({ ...head, ...value })}\n\n`)
  for (let piece = 0; piece < pieces; piece++) {
    if (piece > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    event({ choices: [{ index: 0, delta: { content: `word${piece} ` }, finish_reason: null }] })
  }
  event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
  event({ choices: [], usage: { prompt_tokens: 12, completion_tokens: pieces, total_tokens: 12 + pieces } })
  response.end('data: [DONE]\n\n')
}

server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as { port: number }).port}` }))
})
