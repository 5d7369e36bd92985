/** Splits a `text/event-stream` body into the data of its events. WHATWG HTML §9.2.6, without `id` and `retry`. */
import { WeightlessError } from '@weightless/codec'

const eventCharsMax = 4 * 1024 * 1024

/** @throws {EventTooLongError} an event that never ends would fill the memory */
export async function* readServerEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  let data: string[] = []
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true })
    if (rest.length > eventCharsMax) throw new EventTooLongError({ charsMax: eventCharsMax })
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5))
      else if (line === '' && data.length > 0) {
        yield data.join('\n')
        data = []
      }
    }
  }
  if (rest.startsWith('data:')) data.push(rest.slice(5).trim())
  if (data.length > 0) yield data.join('\n')
}

export class EventTooLongError extends WeightlessError {
  constructor(facts: { charsMax: number }) {
    super('sdk/event-too-long', 'The gateway sent an event without an end.', facts)
  }
}
