/** A server that speaks OpenAI's protocol as badly as a test wants: what an upstream behind a provider may be. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Asked = { path: string; headers: IncomingMessage['headers']; body: Buffer; json: Record<string, unknown> }

export type MockUpstream = {
  url: string
  /** Requests so far, but for those to /v1/models. */
  asked: Asked[]
  /** Requests whose connection the provider has closed before they were answered. */
  aborted: () => number
  behave(next: (asked: Asked, response: ServerResponse) => void | Promise<void>): void
  /** Answers 503 to everything, /v1/models included. */
  setAway(isAway: boolean): void
  close(): Promise<void>
}

export async function startMockUpstream(
  models: object[] = [{ id: 'mock', max_model_len: 4_096 }],
): Promise<MockUpstream> {
  const asked: Asked[] = []
  let behaviour: (asked: Asked, response: ServerResponse) => void | Promise<void> = () => undefined
  let isAway = false
  let aborted = 0
  const server = createServer(async (request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) aborted++
    })
    if (isAway) return void response.writeHead(503).end()
    if (request.url === '/v1/models') return void response.end(JSON.stringify({ object: 'list', data: models }))
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const body = Buffer.concat(pieces)
    const isJson = request.headers['content-type']?.startsWith('application/json')
    const json = (isJson ? JSON.parse(body.toString()) : {}) as Record<string, unknown>
    const entry = { path: request.url ?? '', headers: request.headers, body, json }
    asked.push(entry)
    await behaviour(entry, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    aborted: () => aborted,
    behave: (next) => {
      behaviour = next
    },
    setAway: (value) => {
      isAway = value
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

export const usage = (promptTokens: number, completionTokens: number) => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
})

/** A whole answer of a chat. */
export const completion = (text: string, used?: ReturnType<typeof usage>) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
  ...(used ? { usage: used } : {}),
})

export const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`
export const delta = (content: string, finish: string | null = null) =>
  event({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })
export const usageChunk = (promptTokens: number, completionTokens: number) =>
  event({ object: 'chat.completion.chunk', choices: [], usage: usage(promptTokens, completionTokens) })
export const done = 'data: [DONE]\n\n'

export function beginStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
}
