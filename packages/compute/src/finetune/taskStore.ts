/** All tasks of a provider, durable: each step is in the write-ahead log before anything is done about it. Spec: FINETUNING §2.2. */
import { bytesToText, type Hex, textToBytes } from '@weightless/codec'
import type { Disk, Log } from '@weightless/env'
import { openKeyValue } from '@weightless/store'
import { type FineTuningTask, isOver, moveTask, type TaskProgress } from './task.ts'

export type TaskStore = {
  get(id: string): FineTuningTask | undefined
  /** Oldest first. */
  list(): FineTuningTask[]
  listOf(user: Hex): FineTuningTask[]
  /**
   * Durable when it resolves, together with the user's number. `admits` sees all earlier tasks.
   * @returns false when it says no, or the number was used
   */
  add(task: FineTuningTask, admits: () => boolean): Promise<boolean>
  /** One step on; durable when it resolves. Undefined when the task went another way meanwhile (its user took it back). */
  move(
    task: FineTuningTask,
    progress: TaskProgress,
    nowMs: number,
    found?: Partial<FineTuningTask>,
  ): Promise<FineTuningTask | undefined>
  /**
   * From now on the user is leaving: durable when it resolves. False when a task of hers is not over.
   * @param nowMs - what ended before it is forgotten
   */
  leave(user: Hex, untilMs: number, nowMs: number): Promise<boolean>
  /** 0 when she is not. */
  leavingUntilMs(user: Hex): number
  close(): Promise<void>
}

export type TaskStoreOptions = {
  disk: Disk
  folder: string
  log: Log
  /** Tasks that are over and still remembered. */
  rememberedMax: number
  /** Called for each task that is forgotten. */
  onForget?: (task: FineTuningTask) => void
}

/** @throws {LogCorruptError} */
export async function openTaskStore(options: TaskStoreOptions): Promise<TaskStore> {
  const { disk, folder, log, rememberedMax, onForget } = options
  const map = await openKeyValue(disk, folder, { log })
  const tasks = new Map<string, FineTuningTask>()
  const nonces = new Map<Hex, bigint>()
  for (const { value } of map.range(taskPrefix, `${taskPrefix}~`)) {
    const task = decodeTask(value)
    tasks.set(task.id, task)
  }
  for (const { key, value } of map.range(noncePrefix, `${noncePrefix}~`)) {
    nonces.set(key.slice(noncePrefix.length) as Hex, BigInt(bytesToText(value)))
  }
  const leaving = new Map<Hex, number>()
  for (const { key, value } of map.range(leavingPrefix, `${leavingPrefix}~`)) {
    leaving.set(key.slice(leavingPrefix.length) as Hex, Number(bytesToText(value)))
  }
  let order: Promise<unknown> = Promise.resolve()

  /** One change after another, each seen by the next only when it is durable. */
  function exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = order.then(work)
    order = result.catch(() => undefined)
    return result
  }

  const list = () => [...tasks.values()].sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1))

  async function forgetOldest(): Promise<void> {
    const over = list().filter(isOver)
    for (const task of over.slice(0, Math.max(0, over.length - rememberedMax))) {
      await map.remove(taskPrefix + task.id)
      tasks.delete(task.id)
      onForget?.(task)
    }
  }

  return {
    get: (id) => tasks.get(id),
    list,
    listOf: (user) => list().filter((task) => task.user === user),
    add: (task, admits) =>
      exclusively(async () => {
        if (task.nonce <= (nonces.get(task.user) ?? 0n) || !admits()) return false
        await map.batch([
          { key: taskPrefix + task.id, value: encodeTask(task) },
          { key: noncePrefix + task.user, value: textToBytes(task.nonce.toString()) },
        ])
        tasks.set(task.id, task)
        nonces.set(task.user, task.nonce)
        return true
      }),
    move: (task, progress, nowMs, found) =>
      exclusively(async () => {
        if (tasks.get(task.id)?.progress !== task.progress) return undefined
        const moved = moveTask(tasks.get(task.id)!, progress, nowMs, found)
        await map.put(taskPrefix + task.id, encodeTask(moved))
        tasks.set(task.id, moved)
        if (isOver(moved)) await forgetOldest()
        return moved
      }),
    leavingUntilMs: (user) => leaving.get(user) ?? 0,
    leave: (user, untilMs, nowMs) =>
      exclusively(async () => {
        if (list().some((task) => task.user === user && !isOver(task))) return false
        for (const [other, endedMs] of leaving) {
          if (endedMs > nowMs) continue
          await map.remove(leavingPrefix + other)
          leaving.delete(other)
        }
        await map.put(leavingPrefix + user, textToBytes(String(untilMs)))
        leaving.set(user, untilMs)
        return true
      }),
    close: async () => {
      await order
      await map.close()
    },
  }
}

const taskPrefix = 'task/'
const noncePrefix = 'nonce/'
const leavingPrefix = 'leaving/'

/** User text stands only in `trainingParams`, which is wrapped so that it cannot be read as an integer. */
function encodeTask({ trainingParams, failure, ...rest }: FineTuningTask): Uint8Array {
  const numbers = JSON.stringify(rest, (_, item) => (typeof item === 'bigint' ? `${item}n` : item))
  return textToBytes(JSON.stringify([numbers, trainingParams, failure ?? null]))
}

function decodeTask(bytes: Uint8Array): FineTuningTask {
  const [numbers, trainingParams, failure] = JSON.parse(bytesToText(bytes)) as [string, string, string | null]
  const rest = JSON.parse(numbers, (_, item) =>
    typeof item === 'string' && /^\d+n$/.test(item) ? BigInt(item.slice(0, -1)) : item,
  ) as Omit<FineTuningTask, 'trainingParams'>
  return { ...rest, trainingParams, ...(failure === null ? {} : { failure }) }
}
