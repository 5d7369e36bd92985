/**
 * Small questions and answers between two nodes: one frame there, one back, over an authenticated stream. Every size,
 * time and rate is bounded; answers open with a code. Spec: p2p §5.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { accept, concatBytes, type Hex, type Verdict } from '@weightless/codec'
import type { Host } from './createHost.ts'
import { nodeIdOf, peerIdOf } from './peerNames.ts'
import type { AskFault, AskOptions } from './peerNetwork.ts'
import type { PeerScores } from './peerScores.ts'
import type { RateLimit, RateLimits } from './rateLimits.ts'

export type Question = {
  protocol: string
  questionBytesMax: number
  answerBytesMax: number
  /** How often one peer may ask. */
  limit: RateLimit
}

/** An answer, or undefined where there is none. `reject` for a question that no honest node asks. */
export type Answerer = (
  question: Uint8Array,
  asker: Hex,
  connection: Connection,
) => Promise<Verdict<Uint8Array | undefined>>

export type Exchange = {
  answer(question: Question, answerer: Answerer): Promise<void>
  ask(nodeId: Hex, question: Question, bytes: Uint8Array, options?: AskOptions): Promise<Verdict<Uint8Array, AskFault>>
}

export function createExchange(host: Host, scores: PeerScores, limits: RateLimits): Exchange {
  async function serve(stream: Stream, connection: Connection, question: Question, answerer: Answerer): Promise<void> {
    const asker = nodeIdOf(connection.remotePeer)
    if (!asker) return stream.abort(new Error('not an Ed25519 peer'))
    const signal = AbortSignal.timeout(serveMsMax)
    const frames = lpStream(stream, {
      maxDataLength: question.questionBytesMax,
      maxBufferSize: bufferBytesMax(question),
    })
    const send = (code: number, body: Uint8Array = nothing) =>
      frames.write(concatBytes([new Uint8Array([code]), body]), { signal }).then(() => stream.close({ signal }))
    if (!limits.admit(asker, question.protocol, question.limit)) {
      scores.report(asker, 'rate-exceeded')
      return send(codes.rateLimited)
    }
    const read = await frames.read({ signal }).catch((fault: unknown) => {
      if (isTooLong(fault)) scores.report(asker, 'request-wrong')
      throw fault
    })
    const verdict = await answerer(read.subarray(), asker, connection)
    if (!verdict.ok) {
      if (verdict.action !== 'ignore') scores.report(asker, 'request-wrong')
      return send(codes.invalid)
    }
    return verdict.value ? send(codes.ok, verdict.value) : send(codes.unavailable)
  }

  return {
    answer: (question, answerer) =>
      host.handle(
        question.protocol,
        // Whatever goes wrong with one stream ends that stream and nothing else.
        (stream, connection) => serve(stream, connection, question, answerer).catch((fault) => stream.abort(fault)),
        { maxInboundStreams: 32, maxOutboundStreams: 64 },
      ),
    async ask(nodeId, question, bytes, { signal: outer, timeoutMs = askMs } = {}) {
      if (scores.isRefused(nodeId)) return fault('unreachable', 'refused')
      const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(outer ? [outer] : [])])
      let stream: Stream | undefined
      try {
        stream = await host.dialProtocol(peerIdOf(nodeId), question.protocol, { signal })
        const maxDataLength = question.answerBytesMax + 1
        const frames = lpStream(stream, { maxDataLength, maxBufferSize: bufferBytesMax(question) })
        await frames.write(bytes, { signal })
        const answer = (await frames.read({ signal })).subarray()
        await stream.close({ signal })
        return readCode(answer)
      } catch (reason) {
        stream?.abort(reason as Error)
        if (isTooLong(reason)) scores.report(nodeId, 'request-wrong')
        else if (!outer?.aborted) scores.report(nodeId, 'no-answer')
        return fault('unreachable', reason instanceof Error ? reason.message : String(reason))
      }
    },
  }
}

function readCode(answer: Uint8Array): Verdict<Uint8Array, AskFault> {
  if (answer[0] === codes.ok) return accept(answer.subarray(1))
  if (answer[0] === codes.rateLimited) return fault('rate-limited')
  return answer[0] === codes.unavailable ? fault('unknown') : fault('malformed', `code ${answer[0]}`)
}

function fault(code: AskFault, detail?: string): Verdict<never, AskFault> {
  return { ok: false, code, action: 'ignore', ...(detail === undefined ? {} : { detail }) }
}

function isTooLong(reason: unknown): boolean {
  return reason instanceof Error && /^(InvalidDataLength|StreamBufferError)/.test(reason.name)
}

function bufferBytesMax({ questionBytesMax, answerBytesMax }: Question): number {
  return Math.max(questionBytesMax, answerBytesMax) + 65_536
}

/** As in the network's other implementation. */
const codes = { ok: 0, invalid: 1, unavailable: 3, rateLimited: 139 }
const nothing: Uint8Array = new Uint8Array()
const serveMsMax = 15_000
const askMs = 5_000
