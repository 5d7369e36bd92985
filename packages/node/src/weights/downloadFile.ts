/** Streams one URL to a file with progress, a bound on its size and a short time-out until the first byte. */
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { WeightlessError } from '@weightless/codec'

/** @throws {DownloadError} */
export async function downloadFile(
  url: string,
  target: string,
  options: {
    onBytes: (done: number, total: number) => void
    bytesMax: number
    signal?: AbortSignal
    connectMs?: number
    /** Longest time without a byte; default 30,000. */
    stallMs?: number
  },
): Promise<void> {
  const abort = new AbortController()
  let timer = setTimeout(() => abort.abort(), options.connectMs ?? 5_000)
  options.signal?.addEventListener('abort', () => abort.abort(), { once: true })
  const response = await fetch(url, { signal: abort.signal }).catch((cause: unknown) => {
    throw new DownloadError({ url, reason: 'no answer' }, cause)
  })
  clearTimeout(timer)
  if (!response.ok || !response.body) throw new DownloadError({ url, reason: `status ${response.status}` })
  let done = 0
  const counted = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      clearTimeout(timer)
      timer = setTimeout(() => abort.abort(), options.stallMs ?? 30_000)
      done += chunk.length
      if (done > options.bytesMax) throw new DownloadError({ url, reason: 'larger than announced' })
      options.onBytes(done, options.bytesMax)
      yield chunk
    }
  }
  await pipeline(
    Readable.fromWeb(response.body as import('node:stream/web').ReadableStream),
    counted,
    createWriteStream(target, { mode: 0o644 }),
  ).finally(() => clearTimeout(timer))
}

export class DownloadError extends WeightlessError {
  constructor(facts: { url: string; reason: string }, cause?: unknown) {
    super('node/download-failed', 'The file could not be downloaded.', facts, { cause })
  }
}
