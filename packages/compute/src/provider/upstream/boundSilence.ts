/** The pieces of an upstream's answer, with an end to its silence and to its size. COMPUTE §11.3 */
import { AbortedError, type Clock, callLater, type FetchResponse, NetworkError } from '@weightless/env'
import { UpstreamFailedError } from '../../engine/engine.ts'

/**
 * Ends the request by `leaving` when nothing came for `silenceMsMax` while somebody waited for it: a slow reader is not
 * the upstream's fault. @throws {UpstreamFailedError} {AbortedError} the client left
 */
export async function* boundSilence(
  { body }: FetchResponse,
  {
    clock,
    leaving,
    silenceMsMax,
    bytesMax,
  }: { clock: Clock; leaving: AbortController; silenceMsMax: number; bytesMax: number },
): AsyncGenerator<Uint8Array> {
  let waitingSinceMs: number | undefined
  let stalled = false
  let totalBytes = 0
  let callOff = () => {}
  const look = () => {
    const silentMs = waitingSinceMs === undefined ? 0 : clock.monotonicMs() - waitingSinceMs
    if (silentMs < silenceMsMax) {
      callOff = callLater(clock, silenceMsMax - silentMs, look)
      return
    }
    stalled = true
    leaving.abort(new AbortedError())
  }
  look()
  const source = body[Symbol.asyncIterator]()
  try {
    for (;;) {
      waitingSinceMs = clock.monotonicMs()
      const { done: ended, value } = await source.next()
      waitingSinceMs = undefined
      if (ended) return
      totalBytes += value.length
      if (totalBytes > bytesMax) throw new UpstreamFailedError({ reason: 'its answer has no end' })
      yield value
    }
  } catch (fault) {
    if (stalled) throw new UpstreamFailedError({ reason: `it said nothing for ${silenceMsMax} ms` }, fault)
    if (fault instanceof NetworkError) throw new UpstreamFailedError({ reason: fault.message }, fault)
    throw fault
  } finally {
    callOff()
    await source.return?.()
  }
}
