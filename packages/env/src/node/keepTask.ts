/** The inside of a worker thread of its own: calls the module once with a port to its opener, then ends. */
import './installEd25519.ts'
import './installNistEcdsa.ts'
import './installHasher.ts'
import './installSecp256k1.ts'
import { parentPort, workerData } from 'node:worker_threads'
import type { TaskPort } from '../env.ts'
import { createMessageQueue } from '../messageQueue.ts'

export type KeptTask = { module: string; input: unknown }
export type KeptMessage = { message: unknown } | { end: true }

if (parentPort) {
  const outside = parentPort
  const queue = createMessageQueue<unknown>()
  outside.on('message', (sent: KeptMessage) => {
    if ('end' in sent) queue.end()
    else queue.push(sent.message)
  })
  const port: TaskPort = {
    send: (message, transfer = []) => outside.postMessage({ message } satisfies KeptMessage, [...transfer]),
    messages: queue.messages,
    close: async () => {
      queue.end()
      outside.postMessage({ end: true } satisfies KeptMessage)
    },
  }
  const { module, input } = workerData as KeptTask
  const { default: work } = (await import(module)) as { default: (port: TaskPort, input: unknown) => Promise<void> }
  await work(port, input)
  outside.postMessage({ end: true } satisfies KeptMessage)
  outside.close()
}
