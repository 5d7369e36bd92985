/** The encoder inside its worker: one model, requests pass by pass in turns, so that a long one holds no other up. */
import { bytesToHex, WeightlessError } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import type { TaskPort } from '@weightless/env'
import { openEncoder } from '@weightless/tensor'
import type { EmbeddingsRequest } from '../wire/embeddingsRequest.ts'
import { embedInputs } from '../wire/embedInputs.ts'
import type { EncoderInput, FromEncoder, ToEncoder } from './encoderPort.ts'

/** The worker's main: see `Tasks.open`. */
export default async function serveEncoder(port: TaskPort, input: unknown): Promise<void> {
  const { name, files } = input as EncoderInput
  const send = (message: FromEncoder, transfer: ArrayBuffer[] = []) => port.send(message, transfer)
  const modelRoot = bytesToHex(fileRoot(files.weights))
  const encoder = await openEncoder(files)
  const { programId, tokenizerRoot, contextLength, dimensions } = encoder
  const model = { name, modelRoot, programId, tokenizerRoot, contextLength }
  send({ kind: 'ready', model, dimensions, memoryBytes: encoder.memoryBytes() })
  const pulses: (() => void)[] = []
  const pulse = () =>
    new Promise<void>((resolve) => {
      pulses.push(resolve)
      send({ kind: 'pulse' })
    })
  const wanted = new Set<number>()

  async function embed(id: number, request: EmbeddingsRequest): Promise<void> {
    wanted.add(id)
    try {
      const verdict = await embedInputs(encoder, name, request, async () => {
        await pulse()
        if (!wanted.has(id)) throw new UnwantedError()
      })
      send({ kind: 'embedded', id, verdict }, verdict.ok ? [verdict.body.buffer] : [])
    } catch (fault) {
      send({ kind: 'failed', id, reason: fault instanceof Error ? fault.message : String(fault) })
    } finally {
      wanted.delete(id)
    }
  }

  for await (const message of port.messages as AsyncIterable<ToEncoder>) {
    if (message.kind === 'pulse') pulses.shift()?.()
    else if (message.kind === 'leave') wanted.delete(message.id)
    else void embed(message.id, message.request)
  }
}

class UnwantedError extends WeightlessError {
  constructor() {
    super('compute/embedding-unwanted', 'Nobody waits for this answer any more.', {})
  }
}
