/**
 * The two lanes of a fine-tuning provider: one task trains at a time, users taking turns, while any number of trained ones are
 * delivered, one of each user at a time. Both sleep while there is nothing to do. Spec: FINETUNING §2.
 */
import { WeightlessError } from '@weightless/codec'
import { LedgerUnreachableError } from '@weightless/ledger'
import { deliverTask } from './deliverTask.ts'
import { type FineTuningTask, isCancellable, isToDeliver, isToTrain } from './task.ts'
import { advance, type TaskContext } from './taskContext.ts'
import { TrainingRefusedError } from './trainingWorker.ts'
import { trainTask } from './trainTask.ts'

export type TaskRunner = {
  /** There is something new to do. */
  wake(): void
  /** False when the task cannot be taken back any more. */
  cancel(task: FineTuningTask): Promise<boolean>
  close(): Promise<void>
}

type Lane = { wake(): void; sleep(ms: number | undefined): Promise<void> }

export function runTasks(context: TaskContext): TaskRunner {
  const stop = new AbortController()
  const delivering = createLane(context, stop.signal)
  const training = createLane(context, stop.signal)
  const current: Current = { id: undefined, abort: new AbortController() }
  const lanes = [
    runTraining(context, training, delivering, current, stop.signal),
    runDeliveries(context, delivering, stop.signal),
  ]
  return {
    wake() {
      training.wake()
      delivering.wake()
    },
    async cancel(task) {
      if (!isCancellable(task)) return false
      const moved = await advance(context, task, 'Failed', { failure: 'taken back by its user' })
      if (moved && current.id === task.id) current.abort.abort()
      return moved !== undefined
    },
    async close() {
      stop.abort()
      current.abort.abort()
      await Promise.all(lanes)
    },
  }
}

/** Of tasks that wait for another attempt; counted anew when one came further than the last. */
type Faults = Map<string, { count: number; resumedStep: number; notBeforeMs: number }>

type Current = { id: string | undefined; abort: AbortController }

/** A sleep that a wake before it makes short, so that no wake is lost. */
function createLane({ env }: TaskContext, signal: AbortSignal): Lane {
  let woken = false
  let end: (() => void) | undefined
  return {
    wake() {
      woken = true
      end?.()
    },
    async sleep(ms) {
      if (!woken && !signal.aborted) {
        const over = new AbortController()
        end = () => over.abort()
        signal.addEventListener('abort', end, { once: true })
        // A day is for ever: without a time, only a wake ends it.
        await env.clock.sleep(ms ?? 86_400_000, over.signal).catch(() => undefined)
        signal.removeEventListener('abort', end)
        end = undefined
      }
      woken = false
    },
  }
}

async function runTraining(
  context: TaskContext,
  lane: Lane,
  delivering: Lane,
  current: Current,
  signal: AbortSignal,
): Promise<void> {
  const { env, store, limits } = context
  const turns = new Map<string, number>()
  const faults: Faults = new Map()
  let turn = 0
  while (!signal.aborted) {
    const waiting = store.list().filter(isToTrain)
    for (const user of turns.keys()) if (!waiting.some((task) => task.user === user)) turns.delete(user)
    for (const id of faults.keys()) if (!waiting.some((task) => task.id === id)) faults.delete(id)
    const due = waiting.filter(({ id }) => (faults.get(id)?.notBeforeMs ?? 0) <= env.clock.monotonicMs())
    const task = nextInTurn(due, turns)
    if (!task) {
      await lane.sleep(waiting.length > 0 ? limits.retryMs : undefined)
      continue
    }
    turns.set(task.user, ++turn)
    current.id = task.id
    current.abort = new AbortController()
    if (signal.aborted) return
    try {
      await withinTime(context, current.abort, (at) => trainTask(context, task, at))
    } catch (fault) {
      if (signal.aborted) return
      await meetFault(context, task.id, fault, faults)
    } finally {
      current.id = undefined
    }
    const left = store.get(task.id)
    if (!left || !isToTrain(left)) await context.snapshots.remove(task.id)
    delivering.wake()
  }
}

/** The task of the user whose last turn is longest ago, the oldest first. */
function nextInTurn(due: readonly FineTuningTask[], turns: ReadonlyMap<string, number>): FineTuningTask | undefined {
  let chosen: FineTuningTask | undefined
  for (const task of due) {
    if (!chosen || (turns.get(task.user) ?? 0) < (turns.get(chosen.user) ?? 0)) chosen = task
  }
  return chosen
}

async function withinTime(
  { env, limits }: TaskContext,
  abort: AbortController,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController()
  let isLate = false
  void env.clock.sleep(limits.trainMsMax, over.signal).then(
    () => {
      isLate = true
      abort.abort()
    },
    () => undefined,
  )
  try {
    await work(abort.signal)
  } catch (fault) {
    // Another attempt would take as long.
    if (isLate) throw new TrainingRefusedError({ reason: `training took longer than ${limits.trainMsMax / 1000} s` })
    throw fault
  } finally {
    over.abort()
  }
}

async function meetFault(context: TaskContext, id: string, fault: unknown, faults: Faults): Promise<void> {
  const { env, store, limits, journal } = context
  const task = store.get(id)
  // Taken back by its user: that is why it broke.
  if (!task || !isToTrain(task)) return
  const before = faults.get(id)
  const { resumedStep = 0 } = task
  const isFurther = before !== undefined && resumedStep > before.resumedStep
  const count = (isFurther ? 0 : (before?.count ?? 0)) + (fault instanceof LedgerUnreachableError ? 0 : 1)
  faults.set(id, { count, resumedStep, notBeforeMs: env.clock.monotonicMs() + limits.retryMs })
  const isRefused = fault instanceof TrainingRefusedError
  env.log.warn('task not trained', { task: id, attempt: count, code: codeOf(fault) })
  if (isRefused || count >= limits.attemptsMax) await advance(context, task, 'Failed', { failure: reasonOf(fault) })
  else await journal.note(id, `${reasonOf(fault)}; trying again`)
}

function reasonOf(fault: unknown): string {
  if (!(fault instanceof WeightlessError)) return 'the provider failed; its log says why'
  const { reason } = fault.facts
  return reason === undefined ? fault.shortMessage : String(reason)
}

const codeOf = (fault: unknown): string => (fault instanceof WeightlessError ? fault.code : String(fault))

async function runDeliveries(context: TaskContext, lane: Lane, signal: AbortSignal): Promise<void> {
  const { store, limits, env } = context
  const inFlight = new Map<string, Promise<void>>()
  const pausedUntilMs = new Map<string, number>()
  while (!signal.aborted) {
    const open = store.list().filter(isToDeliver)
    for (const id of pausedUntilMs.keys()) if (!open.some((task) => task.id === id)) pausedUntilMs.delete(id)
    for (const task of open) {
      if (inFlight.size >= deliveriesMax) break
      if (inFlight.has(task.user) || (pausedUntilMs.get(task.id) ?? 0) > env.clock.monotonicMs()) continue
      const step = deliverStep(context, task).then((pauseMs) => {
        inFlight.delete(task.user)
        pausedUntilMs.set(task.id, env.clock.monotonicMs() + pauseMs)
        lane.wake()
      })
      inFlight.set(task.user, step)
    }
    await lane.sleep(open.length > 0 ? limits.lookMs : undefined)
  }
  await Promise.all(inFlight.values())
}

/** How long the task may rest now. */
async function deliverStep(context: TaskContext, task: FineTuningTask): Promise<number> {
  try {
    return (await deliverTask(context, task)) ? 0 : context.limits.lookMs
  } catch (fault) {
    context.env.log.warn('task not delivered', { task: task.id, code: codeOf(fault) })
    return context.limits.retryMs
  }
}

const deliveriesMax = 16
