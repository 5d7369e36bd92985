/** The body of an answer that nobody takes. */
import type { HttpResponse } from '../../env.ts'

/**
 * Ends a body that nobody will read. A generator that has not begun ends without running its `finally`, so that whatever it
 * was to release would be held for ever: therefore it is begun first.
 */
export async function leaveBody(body: HttpResponse['body']): Promise<void> {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return
  const source = body[Symbol.asyncIterator]()
  await source.next()
  await source.return?.()
}
