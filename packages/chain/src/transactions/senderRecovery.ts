/**
 * Finds who signed: a lone signature at once on this thread, many in batches on workers. While batches are under way
 * new requests gather, so batches grow by themselves with the load.
 */
import type { Clock, Tasks } from '@weightless/env'
import type { DecodedTransaction } from './decodeTransaction.ts'
import recoverBatch, { recoverInputBytes, recoverOutputBytes } from './recoverBatch.ts'

export type SenderRecovery = {
  /** The 20-byte address that signed, or undefined when no key did. */
  recover(decoded: DecodedTransaction): Promise<Uint8Array | undefined>
}

/** Below this a worker's round trip costs more than the work. */
const inlineMax = 3
/** A request within this time of the last one is part of a stream, whose members are worth gathering. */
const streamMs = 2
/** Bounds one batch to about 50 ms of a core. */
const batchMax = 512
const workerModule = new URL('./recoverBatch.ts', import.meta.url)

type Waiting = {
  decoded: DecodedTransaction
  resolve: (sender: Uint8Array | undefined) => void
  reject: (error: unknown) => void
}

export function createSenderRecovery(tasks: Tasks, clock: Clock): SenderRecovery {
  const batchesMax = Math.max(1, Math.min(tasks.workersMax, 4))
  let queue: Waiting[] = []
  let underWay = 0
  let scheduled = false
  let lastMs = Number.NEGATIVE_INFINITY

  function schedule(): void {
    if (scheduled || queue.length === 0 || underWay >= batchesMax) return
    scheduled = true
    const nowMs = clock.monotonicMs()
    const streaming = nowMs - lastMs < streamMs
    lastMs = nowMs
    // At least one turn of the micro-task queue: a JSON-RPC batch decoded in one go becomes one batch here too.
    void (streaming ? clock.sleep(1) : Promise.resolve()).then(() => {
      scheduled = false
      while (queue.length > 0 && underWay < batchesMax) void runBatch(nextBatch())
    })
  }

  function nextBatch(): Waiting[] {
    const share = Math.ceil(queue.length / Math.max(1, batchesMax - underWay))
    const size = Math.min(batchMax, Math.max(inlineMax, share))
    const batch = queue.slice(0, size)
    queue = queue.slice(size)
    return batch
  }

  async function runBatch(batch: Waiting[]): Promise<void> {
    underWay++
    try {
      const input = packBatch(batch)
      const output =
        batch.length <= inlineMax
          ? recoverBatch(input)
          : await tasks.run<Uint8Array>(workerModule, input, [input.buffer as ArrayBuffer])
      batch.forEach((waiting, index) => {
        const at = index * recoverOutputBytes
        waiting.resolve(output[at] === 1 ? output.slice(at + 1, at + recoverOutputBytes) : undefined)
      })
    } catch (error) {
      for (const waiting of batch) waiting.reject(error)
    } finally {
      underWay--
      schedule()
    }
  }

  return {
    recover(decoded) {
      return new Promise((resolve, reject) => {
        queue.push({ decoded, resolve, reject })
        schedule()
      })
    },
  }
}

function packBatch(batch: readonly Waiting[]): Uint8Array {
  const input = new Uint8Array(batch.length * recoverInputBytes)
  batch.forEach(({ decoded }, index) => {
    const { r, s, yParity } = decoded.transaction.signature
    const at = index * recoverInputBytes
    input.set(decoded.signingHash, at)
    input.set(r, at + 32)
    input.set(s, at + 64)
    input[at + 96] = yParity
  })
  return input
}
