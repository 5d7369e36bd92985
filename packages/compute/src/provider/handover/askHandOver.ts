/** The new process's side of a take-over: asks the old one to let go, and tells it when it is no longer needed. Spec: COMPUTE §12.2 */
import { bytesToText, WeightlessError } from '@weightless/codec'
import { type Env, type FetchResponse, NetworkError } from '@weightless/env'
import type { Adoption } from './adoptJobs.ts'
import { post } from './deliverReceipts.ts'
import type { Successor } from './handOver.ts'
import { handoverPaths, letGoSchema } from './handoverWire.ts'

export type Predecessor = {
  adoption: Adoption
  /** This process is open: the other passes everything on and ends. @throws {HandoverFailedError} */
  confirm(successor: Successor): Promise<void>
  /** This process does not come about: the other goes on. */
  abandon(): void
}

/** Its settlement in progress is waited for. */
const letGoMs = 120_000
const lineBytesMax = 16 * 1024 * 1024

/** Undefined where nobody answers: the process is gone. @throws {HandoverFailedError} it refuses */
export async function askHandOver(
  env: Pick<Env, 'network' | 'clock' | 'log'>,
  controlUrl: string,
  token: string,
): Promise<Predecessor | undefined> {
  const leaving = new AbortController()
  let answer: FetchResponse
  try {
    answer = await env.network.fetch(`${controlUrl}${handoverPaths.begin}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      signal: leaving.signal,
      timeoutMs: letGoMs,
    })
  } catch (fault) {
    if (fault instanceof NetworkError && fault.isUnsent) return undefined
    throw new HandoverFailedError({ reason: fault instanceof Error ? fault.message : String(fault) })
  }
  if (answer.status !== 200) throw new HandoverFailedError({ reason: (await answer.text(65_536)).slice(0, 300) })
  const lines = answer.body[Symbol.asyncIterator]()
  const abandon = () => {
    leaving.abort()
    void lines.return?.().catch(() => undefined)
  }
  try {
    const adoption = letGoSchema.parse(JSON.parse(await readLine(lines)))
    return {
      adoption,
      abandon,
      async confirm(successor) {
        const isTaken = await post({ env, token }, controlUrl, handoverPaths.confirm, JSON.stringify(successor))
        if (!isTaken) throw new HandoverFailedError({ reason: 'it does not take the confirmation' })
        await lines.return?.()
      },
    }
  } catch (fault) {
    abandon()
    throw fault instanceof HandoverFailedError ? fault : new HandoverFailedError({ reason: String(fault) })
  }
}

async function readLine(pieces: AsyncIterator<Uint8Array>): Promise<string> {
  let text = ''
  while (!text.includes('\n')) {
    const { done, value } = await pieces.next()
    if (done || text.length > lineBytesMax) throw new HandoverFailedError({ reason: 'its answer breaks off' })
    text += bytesToText(value)
  }
  return text.slice(0, text.indexOf('\n'))
}

export class HandoverFailedError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('compute/handover-failed', 'The running provider does not hand over.', facts, {
      hint: 'Drain it with `weightless provider drain`, then start again.',
    })
  }
}
