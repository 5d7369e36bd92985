/** The deterministic encoder behind the `Engine` seam: starts its worker, asks it, survives its faults. COMPUTE §13 */
import { AbortedError, type Env } from '@weightless/env'
import { checks } from '@weightless/receipt'
import type { EncoderFiles } from '@weightless/tensor'
import type { EmbeddingsRequest } from '../wire/embeddingsRequest.ts'
import type { EmbeddingsVerdict } from '../wire/embedInputs.ts'
import type { EncoderInput, FromEncoder, ToEncoder } from './encoderPort.ts'
import { type EncoderEngine, EngineFailedError } from './engine.ts'

export type EncoderEngineOptions = {
  env: Pick<Env, 'tasks' | 'log'>
  /** Name under which the model is sold. */
  name: string
  files: EncoderFiles
  /** Requests that run in turns; default 8. */
  concurrent?: number
}

type Waiting = { resolve: (verdict: EmbeddingsVerdict) => void; reject: (fault: unknown) => void }

/** Resolves when the model is loaded. @throws {EngineFailedError} */
export async function openEncoderEngine({
  env,
  name,
  files,
  concurrent = 8,
}: EncoderEngineOptions): Promise<EncoderEngine> {
  const port = env.tasks.open(new URL('./encoderWorker.ts', import.meta.url), { name, files } satisfies EncoderInput)
  const waiting = new Map<number, Waiting>()
  const opened = Promise.withResolvers<Extract<FromEncoder, { kind: 'ready' }>>()
  const send = (message: ToEncoder) => port.send(message)
  let nextId = 1
  let broken: EngineFailedError | undefined

  function receive(message: FromEncoder): void {
    if (message.kind === 'pulse') send({ kind: 'pulse' })
    else if (message.kind === 'ready') opened.resolve(message)
    else {
      const asked = waiting.get(message.id)
      waiting.delete(message.id)
      if (message.kind === 'embedded') asked?.resolve(message.verdict)
      else asked?.reject(new EngineFailedError({ model: name, reason: message.reason }))
    }
  }

  function fail(cause: unknown): void {
    broken = new EngineFailedError({ model: name, reason: 'its worker ended' }, cause)
    opened.reject(broken)
    for (const { reject } of waiting.values()) reject(broken)
    waiting.clear()
  }

  void (async () => {
    try {
      for await (const message of port.messages as AsyncIterable<FromEncoder>) receive(message)
      fail(undefined)
    } catch (cause) {
      fail(cause)
    }
  })()

  function embed(request: EmbeddingsRequest, signal: AbortSignal): Promise<EmbeddingsVerdict> {
    if (broken) return Promise.reject(broken)
    if (signal.aborted) return Promise.reject(new AbortedError())
    const id = nextId++
    const answer = Promise.withResolvers<EmbeddingsVerdict>()
    const leave = () => {
      waiting.delete(id)
      send({ kind: 'leave', id })
      answer.reject(new AbortedError())
    }
    signal.addEventListener('abort', leave, { once: true })
    waiting.set(id, answer)
    send({ kind: 'embed', id, request })
    return answer.promise.finally(() => signal.removeEventListener('abort', leave))
  }

  const { model, dimensions, memoryBytes } = await opened.promise.catch(async (fault: unknown) => {
    await port.close()
    throw fault
  })
  env.log.info('encoder opened', { model: name, modelRoot: model.modelRoot, memoryBytes })
  return {
    kind: 'encoder',
    // Its receipts promise re-execution (RECEIPT §4.8); the registry's `OpML` is for engines that answer chats.
    model: { ...model, check: checks.none },
    services: ['embeddings'],
    dimensions,
    concurrent,
    embed,
    close: () => port.close(),
  }
}
