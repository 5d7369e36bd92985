/** `network.fetch` over the web's fetch: the same answers and faults as in Node, silence bounded by `timeoutMs`. */
import { answerReaders, silenceMsDefault } from '../answerReaders.ts'
import type { FetchOptions, FetchResponse } from '../env.ts'
import { AbortedError, NetworkError } from '../faults.ts'

/** @throws {NetworkError} @throws {AbortedError} */
export async function fetchBrowser(url: string, options: FetchOptions = {}): Promise<FetchResponse> {
  const guard = guardSilence(url, options)
  const { method = 'GET', headers = {}, body } = options
  const sent = Array.isArray(body) ? new Blob(body as BlobPart[]) : (body as BodyInit | undefined)
  const init = { method, headers, signal: guard.signal, ...(sent !== undefined && { body: sent }) }
  const response = await fetch(url, init).catch((cause: unknown) => {
    guard.stop()
    throw guard.explain(cause, 'no answer')
  })
  guard.stop()
  const parts = { [Symbol.asyncIterator]: () => readParts(response, guard) }
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: parts,
    // What is sent is copied when it is handed over.
    isSent: () => true,
    ...answerReaders(parts, url),
  }
}

type Guard = ReturnType<typeof guardSilence>

/** Aborts when nothing came for `timeoutMs`, or when the caller's signal does, and remembers which of them it was. */
function guardSilence(url: string, { signal, timeoutMs = silenceMsDefault }: FetchOptions) {
  const control = new AbortController()
  let silent = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const follow = (): void => control.abort()
  if (signal?.aborted) control.abort()
  signal?.addEventListener('abort', follow, { once: true })
  const start = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      silent = true
      control.abort()
    }, timeoutMs)
  }
  start()
  return {
    signal: control.signal,
    start,
    stop: () => clearTimeout(timer),
    end() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', follow)
      control.abort()
    },
    explain(cause: unknown, otherwise: string): Error {
      if (signal?.aborted) return new AbortedError({ cause: signal.reason })
      const detail = cause instanceof Error && cause.message ? cause.message : otherwise
      return new NetworkError({ url, reason: silent ? 'timeout' : detail }, { cause })
    },
  }
}

async function* readParts(response: Response, guard: Guard): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader()
  try {
    while (reader) {
      guard.start()
      const { done, value } = await reader.read()
      guard.stop()
      if (done) return
      yield value
    }
  } catch (cause) {
    throw guard.explain(cause, 'the answer broke off')
  } finally {
    // Leaving early ends the request, so that the other side stops working.
    guard.end()
  }
}
