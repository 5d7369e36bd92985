/** A worker thread of its own that keeps state and streams both ways until it is closed. */
import { Worker } from 'node:worker_threads'
import type { TaskPort } from '../env.ts'
import { TaskFailedError } from '../faults.ts'
import { createMessageQueue } from '../messageQueue.ts'
import type { KeptMessage, KeptTask } from './keepTask.ts'

export function openNodeTask(module: URL, input: unknown, transfer: readonly ArrayBuffer[] = []): TaskPort {
  const worker = new Worker(new URL('./keepTask.ts', import.meta.url), {
    workerData: { module: module.href, input } satisfies KeptTask,
    transferList: [...transfer],
  })
  let closing = false
  const queue = createMessageQueue<unknown>()
  const fail = (reason: string, cause?: unknown): void => {
    queue.end(closing ? undefined : new TaskFailedError({ module: module.href, reason }, { cause }))
  }
  worker.on('message', (sent: KeptMessage) => {
    if ('end' in sent) queue.end()
    else queue.push(sent.message)
  })
  worker.on('error', (error) => fail(error instanceof Error ? error.message : String(error), error))
  worker.on('exit', (code) => {
    if (code === 0) queue.end()
    else fail(`the worker ended with code ${code}`)
  })
  return {
    send: (message, list = []) => worker.postMessage({ message } satisfies KeptMessage, [...list]),
    messages: queue.messages,
    close: async () => {
      closing = true
      queue.end()
      await worker.terminate()
    },
  }
}
