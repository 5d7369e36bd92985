/** `network.connect` over the browser's WebSocket. */
import type { Socket } from '../env.ts'
import { AbortedError, NetworkError } from '../faults.ts'
import { createMessageQueue } from '../messageQueue.ts'

/** A page cannot slow the sender down, so a reader that falls so far behind loses the connection. */
const waitingMax = 4_096
const bufferedBytesMax = 16 * 1024 * 1024

/** @throws {NetworkError} @throws {AbortedError} */
export function connectBrowser(url: string, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new AbortedError({ cause: signal.reason }))
    const socket = new WebSocket(url)
    const abort = (): void => {
      socket.close()
      reject(new AbortedError({ cause: signal?.reason }))
    }
    signal?.addEventListener('abort', abort, { once: true })
    const queue = createMessageQueue<string>(undefined, () => socket.close())
    socket.onmessage = ({ data }) => {
      if (queue.push(String(data)) > waitingMax) socket.close()
    }
    socket.onclose = () => {
      signal?.removeEventListener('abort', abort)
      queue.end()
      reject(new NetworkError({ url, reason: 'the connection was refused or closed' }))
    }
    socket.onopen = () => {
      signal?.removeEventListener('abort', abort)
      resolve({
        remoteAddress: new URL(url).host,
        messages: queue.messages,
        send(text) {
          if (socket.readyState !== WebSocket.OPEN) return false
          if (socket.bufferedAmount + text.length > bufferedBytesMax) {
            socket.close()
            return false
          }
          socket.send(text)
          return true
        },
        close: () => socket.close(),
      })
    }
  })
}
