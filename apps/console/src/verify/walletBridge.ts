/** The page's wallet as a worker has it, which no wallet reaches: calls go to the page, and its answers come back. */
import type { WalletAnswer, WalletCall } from './checkMessages.ts'

type Waiting = { resolve(result: unknown): void; reject(error: Error): void }

export function createWalletBridge(ask: (id: number, call: WalletCall) => void) {
  const waiting = new Map<number, Waiting>()
  let asked = 0
  return {
    provider: {
      request: (call: WalletCall) =>
        new Promise<unknown>((resolve, reject) => {
          const id = asked++
          waiting.set(id, { resolve, reject })
          ask(id, call)
        }),
    },
    answer(answer: WalletAnswer): void {
      const call = waiting.get(answer.id)
      waiting.delete(answer.id)
      if ('error' in answer) call?.reject(new Error(answer.error))
      else call?.resolve(answer.result)
    },
  }
}
