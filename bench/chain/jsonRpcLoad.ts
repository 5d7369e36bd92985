/** A load generator: JSON-RPC over kept-alive connections, single or in batches, so many in flight at once. */
import { Agent, request } from 'node:http'

export type Call = { method: string; params: unknown[] }
export type Answer = { id: number; result?: unknown; error?: { message: string } }

export function createLoad(url: string, connections: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const { hostname, port } = new URL(url)
  const post = (body: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const sent = request({ hostname, port, method: 'POST', agent, headers }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => resolve(Buffer.concat(parts).toString('utf8')))
        response.on('error', reject)
      })
      sent.on('error', reject)
      sent.end(body)
    })
  const batch = async (calls: readonly Call[]): Promise<Answer[]> => {
    const body = JSON.stringify(calls.map((call, id) => ({ jsonrpc: '2.0', id, ...call })))
    const answers = JSON.parse(await post(body)) as Answer[]
    return answers.sort((a, b) => a.id - b.id)
  }
  /** All calls, `size` to a request, `connections` requests in flight. */
  const run = async (calls: readonly Call[], size: number): Promise<Answer[]> => {
    const answers: Answer[] = new Array(calls.length)
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < calls.length) {
        const start = next
        next += size
        const slice = calls.slice(start, start + size)
        const got =
          size === 1
            ? [JSON.parse(await post(JSON.stringify({ jsonrpc: '2.0', id: 0, ...slice[0] }))) as Answer]
            : await batch(slice)
        for (const [index, answer] of got.entries()) answers[start + index] = answer
      }
    }
    await Promise.all(Array.from({ length: connections }, worker))
    return answers
  }
  return { run, close: () => agent.destroy() }
}
