/** A WebSocket of `ws`, either end, as `Socket`: bounded in both directions. */
import type { WebSocket } from 'ws'
import type { Socket } from '../env.ts'
import { createMessageQueue } from '../messageQueue.ts'

/** Reading from the network stops while `waitingMax` messages wait to be taken. */
export function wrapSocket(ws: WebSocket, remoteAddress: string, bufferedBytesMax: number): Socket {
  const onTaken = (waiting: number): void => {
    if (ws.isPaused && waiting <= waitingMax / 2) ws.resume()
  }
  const close = (): void => {
    // A paused socket would never read the other end's close frame.
    if (ws.isPaused) ws.terminate()
    else ws.close()
  }
  const queue = createMessageQueue<string>(onTaken, close)
  ws.on('message', (data: Buffer) => {
    if (queue.push(data.toString('utf8')) >= waitingMax) ws.pause()
  })
  ws.on('close', () => queue.end())
  ws.on('error', () => ws.terminate())
  keepAlive(ws)
  return {
    remoteAddress,
    messages: queue.messages,
    send: (text) => {
      if (ws.readyState !== ws.OPEN) return false
      if (ws.bufferedAmount + text.length > bufferedBytesMax) {
        ws.terminate()
        return false
      }
      ws.send(text)
      return true
    },
    close,
  }
}

/** Finds dead peers: one that has not answered the last ping is cut. */
function keepAlive(ws: WebSocket): void {
  let answered = true
  ws.on('pong', () => {
    answered = true
  })
  const timer = setInterval(() => {
    if (!answered && !ws.isPaused) return ws.terminate()
    answered = false
    if (ws.readyState === ws.OPEN) ws.ping()
  }, pingEveryMs)
  timer.unref()
  ws.on('close', () => clearInterval(timer))
}

const waitingMax = 256
const pingEveryMs = 30_000
