/** The model's file as the engine's worker reads it again: by asking whoever opened it for ranges. */
import { WeightlessError } from '@weightless/codec'
import type { ByteSource } from '@weightless/tensor'
import type { FromWorker } from './enginePort.ts'

export function createRangeReader(sizeBytes: number, send: (message: FromWorker) => void) {
  const waiting = new Map<number, PromiseWithResolvers<Uint8Array>>()
  let nextId = 1
  const source: ByteSource = {
    sizeBytes,
    read(offset, length) {
      const wanted = Promise.withResolvers<Uint8Array>()
      const id = nextId++
      waiting.set(id, wanted)
      send({ kind: 'read', id, offset, length })
      return wanted.promise
    },
  }
  return {
    source,
    take(id: number, bytes: Uint8Array | undefined): void {
      if (bytes) waiting.get(id)?.resolve(bytes)
      else waiting.get(id)?.reject(new RangeNotReadError(id))
      waiting.delete(id)
    },
  }
}

class RangeNotReadError extends WeightlessError {
  constructor(id: number) {
    super('compute/range-not-read', 'The file of the model cannot be read any more.', { id })
  }
}
