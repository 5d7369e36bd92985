/** Counts tokens with a model's own tokenizer, in a worker, so that a long text holds nobody up. */
import { WeightlessError } from '@weightless/codec'
import type { Env } from '@weightless/env'

export type TokenCounter = {
  /** @throws {TokenizerInvalidError} when the worker is gone */
  count(text: string): Promise<number>
  close(): Promise<void>
}

/** Message of the worker to whoever opened it. */
export type CounterMessage =
  | { kind: 'ready' }
  | { kind: 'counted'; id: number; tokens: number }
  | { kind: 'failed'; reason: string }

/** @param file - a GGUF, or a tokenizer.json with byte-level BPE @throws {TokenizerInvalidError} */
export async function openTokenCounter({ tasks }: Pick<Env, 'tasks'>, file: Uint8Array): Promise<TokenCounter> {
  const port = tasks.open(new URL('./tokenCounterWorker.ts', import.meta.url), file)
  const waiting = new Map<number, { resolve: (tokens: number) => void; reject: (fault: unknown) => void }>()
  const ready = Promise.withResolvers<void>()
  let nextId = 0
  let broken: TokenizerInvalidError | undefined

  function fail(reason: string): void {
    broken = new TokenizerInvalidError({ reason })
    ready.reject(broken)
    for (const { reject } of waiting.values()) reject(broken)
    waiting.clear()
  }

  void (async () => {
    try {
      for await (const message of port.messages as AsyncIterable<CounterMessage>) {
        if (message.kind === 'ready') ready.resolve()
        else if (message.kind === 'failed') fail(message.reason)
        else {
          waiting.get(message.id)?.resolve(message.tokens)
          waiting.delete(message.id)
        }
      }
      fail('its worker ended')
    } catch (fault) {
      fail(fault instanceof Error ? fault.message : String(fault))
    }
  })()

  try {
    await ready.promise
  } catch (fault) {
    await port.close()
    throw fault
  }
  return {
    count(text) {
      if (broken) return Promise.reject(broken)
      const id = nextId++
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject })
        port.send({ id, text })
      })
    },
    close: () => port.close(),
  }
}

export class TokenizerInvalidError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('compute/tokenizer-invalid', 'Tokens cannot be counted with this tokenizer.', facts, {
      hint: 'Give a GGUF or a tokenizer.json of a byte-level BPE model (GPT-2, SmolLM, Llama 3, Qwen), or leave it out.',
    })
  }
}
