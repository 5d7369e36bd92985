/** A pool of worker threads: each runs one task at a time, the rest wait in a bounded queue. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { TaskPort, Tasks } from '../env.ts'
import { AbortedError, TaskFailedError, TasksFullError } from '../faults.ts'
import { openNodeTask } from './openNodeTask.ts'
import type { TaskAnswer, TaskRequest } from './runTask.ts'

/** Workers start when first needed, are kept, and never hold the process open while idle. */
export function createNodeTasks(workersMax = availableParallelism(), waitingMax = 10_000): Tasks {
  const waiting: Job[] = []
  const idle: Worker[] = []
  const busy = new Map<Worker, Job>()
  const kept = new Set<TaskPort>()
  let closed = false

  const settle = (worker: Worker, answer: TaskAnswer): void => {
    const job = busy.get(worker)
    if (!job) return
    busy.delete(worker)
    worker.unref()
    idle.push(worker)
    if (answer.ok) job.resolve(answer.output)
    else job.reject(failure(job, answer))
    pump()
  }

  const lose = (worker: Worker, reason: string): void => {
    const job = busy.get(worker)
    busy.delete(worker)
    const at = idle.indexOf(worker)
    if (at >= 0) idle.splice(at, 1)
    job?.reject(closed ? new AbortedError() : new TaskFailedError({ module: job.request.module, reason }))
    if (!closed) pump()
  }

  const start = (): Worker => {
    const worker = new Worker(new URL('./runTask.ts', import.meta.url))
    worker.on('message', (answer: TaskAnswer) => settle(worker, answer))
    worker.on('error', (error) => lose(worker, error instanceof Error ? error.message : String(error)))
    worker.on('exit', (code) => lose(worker, `the worker ended with code ${code}`))
    return worker
  }

  const pump = (): void => {
    while (waiting.length > 0 && (idle.length > 0 || busy.size < workersMax)) {
      const job = waiting.shift()!
      const worker = idle.pop() ?? start()
      busy.set(worker, job)
      worker.ref()
      try {
        worker.postMessage(job.request, job.transfer)
      } catch (cause) {
        settle(worker, { id: job.request.id, ok: false, reason: `the input cannot be sent: ${String(cause)}` })
      }
    }
  }

  let lastId = 0
  return {
    workersMax,
    run: <Output>(module: URL, input: unknown, transfer: readonly ArrayBuffer[] = []) =>
      new Promise<Output>((resolve, reject) => {
        if (closed) return reject(new AbortedError())
        if (waiting.length >= waitingMax) return reject(new TasksFullError({ waitingMax }))
        const request = { id: ++lastId, module: module.href, input }
        waiting.push({ request, transfer: [...transfer], resolve: resolve as (output: unknown) => void, reject })
        pump()
      }),
    open: (module, input, transfer) => {
      if (closed) throw new AbortedError()
      const port = openNodeTask(module, input, transfer)
      const tracked: TaskPort = { ...port, close: () => port.close().finally(() => kept.delete(tracked)) }
      kept.add(tracked)
      return tracked
    },
    close: async () => {
      closed = true
      for (const job of waiting.splice(0)) job.reject(new AbortedError())
      const workers = [...idle.splice(0), ...busy.keys()]
      await Promise.all([...workers.map((worker) => worker.terminate()), ...[...kept].map((port) => port.close())])
    },
  }
}

type Job = {
  request: TaskRequest
  transfer: ArrayBuffer[]
  resolve: (output: unknown) => void
  reject: (error: unknown) => void
}

function failure(job: Job, answer: Extract<TaskAnswer, { ok: false }>): TaskFailedError {
  const cause = Object.assign(new Error(answer.reason), answer.stack === undefined ? {} : { stack: answer.stack })
  const { reason, taskCode } = answer
  return new TaskFailedError({ module: job.request.module, reason, ...(taskCode && { taskCode }) }, { cause })
}
