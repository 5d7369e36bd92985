/** Tasks in line: the module runs on the spot, its result comes after a moment of virtual time. */
import type { TaskPort, Tasks } from '../env.ts'
import { TaskFailedError } from '../faults.ts'
import { createMessageQueue } from '../messageQueue.ts'
import { type Life, later, settleLater, type World } from './world.ts'

export function createSimTasks(world: World, life: Life): Tasks {
  return {
    workersMax: 1,
    run: async <Output>(module: URL, input: unknown) => {
      let output: unknown
      let failure: TaskFailedError | undefined
      try {
        output = structuredClone(await world.loop.outside(runModule(module, structuredClone(input))))
      } catch (cause) {
        failure = explain(module, cause)
      }
      return settleLater(world, life, taskMs, 'task done', () => {
        if (failure) throw failure
        return output as Output
      })
    },
    open: (module, input) => openInLine(world, life, module, input),
    close: async () => undefined,
  }
}

async function runModule(module: URL, input: unknown): Promise<unknown> {
  const { default: work } = (await import(module.href)) as { default: (input: unknown) => unknown }
  return work(input)
}

function openInLine(world: World, life: Life, module: URL, input: unknown): TaskPort {
  const outer = createMessageQueue<unknown>()
  const inner = createMessageQueue<unknown>()
  const carry = (queue: typeof outer) => (message: unknown) => {
    const copy = structuredClone(message)
    later(world, life, taskMs, 'task message', () => void queue.push(copy))
  }
  const close = async (): Promise<void> => {
    inner.end()
    outer.end()
  }
  const port: TaskPort = { send: carry(outer), messages: inner.messages, close }
  const start = async (): Promise<void> => {
    type Kept = { default: (port: TaskPort, input: unknown) => Promise<void> }
    const { default: work } = (await world.loop.outside(import(module.href))) as Kept
    await work(port, structuredClone(input))
  }
  // The end comes behind the messages that are still on their way.
  start().then(
    () => later(world, life, taskMs, 'task over', () => outer.end()),
    (cause) => outer.end(explain(module, cause)),
  )
  return { send: carry(inner), messages: outer.messages, close }
}

function explain(module: URL, cause: unknown): TaskFailedError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
  return new TaskFailedError({ module: module.href, reason, ...(code && { taskCode: code }) }, { cause })
}

const taskMs = 1
