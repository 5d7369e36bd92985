/** Cuts a stream of server-sent events into events without changing a byte of them; lines and events are bounded. COMPUTE §11.3 */
import { bytesToText, concatBytes } from '@weightless/codec'
import { UpstreamFailedError } from '../../engine/engine.ts'

export type PassedEvent = {
  /** The event as it came, with the empty line that ends it. */
  bytes: Uint8Array
  /** Its data; undefined for comments and the like. */
  data: string | undefined
}

/** A last event may hold a whole answer. */
const eventBytesMax = 4 * 1024 * 1024
const [lineFeed, carriageReturn] = [0x0a, 0x0d]

/** What is left at the end without an empty line is dropped: no client reads it. @throws {UpstreamFailedError} */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<PassedEvent> {
  let held: Uint8Array = new Uint8Array()
  for await (const piece of body) {
    // What was held has been looked at, but for the last bytes, which may begin the end of the event.
    let from = Math.max(0, held.length - 3)
    const bytes = held.length === 0 ? piece : concatBytes([held, piece])
    let begin = 0
    for (let end = endOfEvent(bytes, from); end > 0; end = endOfEvent(bytes, from)) {
      const event = bytes.subarray(begin, end)
      yield { bytes: event, data: dataOf(event) }
      begin = end
      from = end
    }
    held = bytes.slice(begin)
    if (held.length > eventBytesMax) throw new UpstreamFailedError({ reason: 'an event of its stream has no end' })
  }
}

/** Position behind the empty line, or 0. */
function endOfEvent(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(lineFeed, from); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) {
    if (bytes[at + 1] === lineFeed) return at + 2
    if (bytes[at + 1] === carriageReturn && bytes[at + 2] === lineFeed) return at + 3
  }
  return 0
}

function dataOf(event: Uint8Array): string | undefined {
  const lines = bytesToText(event).split(/\r?\n/)
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, ''))
  return data.length === 0 ? undefined : data.join('\n')
}
