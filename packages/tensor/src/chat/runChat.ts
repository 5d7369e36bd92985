/** Answers a conversation: prompt in chunks, then token by token, with a trace that commits to every operator. */
import type { Model } from '../model/loadModel.ts'
import { positionsMax } from '../model/scratch.ts'
import type { ChatRequest } from './chatRequest.ts'
import { type ChatRun, type ChatTaskOptions, type ChatToken, openChatTask } from './chatTask.ts'

export type ChatRunOptions = ChatTaskOptions & {
  /** Called after each token, before the next is computed; may wait, and so slow the run down to its reader. */
  onToken?: (event: ChatToken) => void | Promise<void>
  /** Ends the run with `cancelled` at the next token. */
  signal?: AbortSignal
  /** Awaited between passes (up to 32 prompt tokens or one output token), so that a host can do other work. */
  pause?: () => Promise<void>
}

/** @throws {ChatInvalidError} {ChatTemplateError} {NumberNotFiniteError} {MemoryExhaustedError} */
export async function runChat(model: Model, request: ChatRequest, options: ChatRunOptions = {}): Promise<ChatRun> {
  const task = openChatTask(model, request, options)
  const session = model.createSession(task.capacity)
  try {
    while (!options.signal?.aborted) {
      const { tokens, logitsFrom } = task.next(positionsMax)
      const [logits] = session.append(tokens, logitsFrom, task.recorder)
      const event = task.take(tokens.length, logits)
      if (event !== undefined) await options.onToken?.(event)
      if (task.pending().length === 0) break
      await options.pause?.()
    }
  } finally {
    session.close()
  }
  return task.finish()
}
