/**
 * Keeps the rows that are this node's whole: rebuilds what its disk has lost, takes over the rows of holders that are gone
 * for long, and asks others to when they are next in line. Repair is pulled: a fragment is only ever fetched by the node
 * that is to hold the result. Spec: storage §13.
 */
import { accept, type Hex, reject, type Verdict } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { placementStage, readPlacement, type SignedPlacement } from '../../wire/index.ts'
import type { SubmissionWatch } from '../awaitSubmission.ts'
import { type FragmentStore, isSameRow } from '../fragmentStore.ts'
import type { PlacementKeeper } from '../keepPlacements.ts'
import type { KnownNodes } from '../knownNodes.ts'
import { createByteRate } from './byteRate.ts'
import { type RebuildJob, rebuildStripe } from './rebuildRow.ts'
import { signAnew } from './signAnew.ts'

export type RepairParts = {
  env: Pick<Env, 'clock' | 'network' | 'tasks' | 'log' | 'metrics'>
  nodeId: Hex
  fragments: FragmentStore
  placements: PlacementKeeper
  submissions: SubmissionWatch
  nodes: KnownNodes
  indexerUrls: readonly string[]
  /** A holder that has been silent so long is replaced. */
  goneMs: number
  /** Bytes a second that repair may fetch. */
  bytesPerSecond: number
}

export type RepairStats = {
  /** Fragments that came over the network for repair, and fragments that were made of them. */
  fetched: number
  rebuilt: number
  takenOver: number
  waiting: number
}

export type Repair = {
  /** Looks whether this node's row of a placed file is whole, and makes it so. */
  check(placement: SignedPlacement): void
  /** Another holder asks this node to take over a row. */
  takeOver(json: unknown): Promise<Verdict<unknown, string>>
  stats(): RepairStats
  /** What is to be repaired, or is under way, at most `limit`. */
  list(limit: number): RepairTask[]
  ended: Promise<void>
}

export type RepairTask = { root: Hex; sizeBytes: number; row: number; ageMs: number; attempts: number }

type Task = { placement: SignedPlacement; row: number; attempt: number; dueMs: number; sinceMs: number }

const filesAtOnce = 2
const stripesAtOnce = 2
const tasksMax = 10_000
const tickMs = 100
const retryMsMax = 60_000
const pageStripes = 256

export function repairFiles(parts: RepairParts, signal: AbortSignal): Repair {
  const { env, nodeId, nodes, placements, submissions } = parts
  const tasks = new Map<string, Task>()
  const counts = { fetched: 0, rebuilt: 0, takenOver: 0 }
  const metrics = countRepair(env)
  const rebuild = {
    ...{ env, fragments: parts.fragments, findNode: nodes.find, rate: createByteRate(env.clock, parts.bytesPerSecond) },
    onFetched(bytes: number) {
      counts.fetched++
      metrics.fetched.add()
      metrics.fetchedBytes.add(bytes)
    },
    onRebuilt() {
      counts.rebuilt++
      metrics.rebuilt.add()
    },
  }

  function enqueue(placement: SignedPlacement, row: number): void {
    const key = `${placement.root}/${placement.sizeBytes}`
    if (tasks.has(key) || tasks.size >= tasksMax) return
    const nowMs = env.clock.monotonicMs()
    tasks.set(key, { placement, row, attempt: 0, dueMs: nowMs, sinceMs: nowMs })
  }

  /** @returns whether nothing is left to do */
  async function work({ placement, row }: Task): Promise<boolean> {
    const { root, sizeBytes, holders } = placement
    const submission = submissions.known(root, sizeBytes)
    if (!submission?.shape) return submissions.isOver(root, sizeBytes)
    const job: RebuildJob = { placement, row, fileKey: submission.fileKey, shape: submission.shape }
    // Rows that have moved elsewhere meanwhile are not ours any more.
    const newest = placements.get(root, sizeBytes)
    if (holders[row] === nodeId && newest && newest.holders[row] !== nodeId) return true
    await rebuildMissing(rebuild, job, signal)
    if (holders[row] === nodeId) return true
    const signed = await signAnew({ ...parts, findNode: nodes.find }, placement, row, signal)
    if (!signed) return false
    counts.takenOver++
    env.log.info('a row was taken over', { root, row, version: signed.version })
    return true
  }

  async function attempt(key: string, task: Task): Promise<void> {
    let isDone = false
    try {
      isDone = await work(task)
    } catch (fault) {
      if (signal.aborted) return
      env.log.warn('a row could not be repaired', { root: task.placement.root, row: task.row, reason: String(fault) })
    }
    task.attempt++
    task.dueMs = env.clock.monotonicMs() + Math.min(retryMsMax, 250 * 2 ** Math.min(task.attempt, 10))
    // A takeover that does not come about is asked for again by those who still miss the row.
    if (isDone || (task.placement.holders[task.row] !== nodeId && task.attempt >= 5)) tasks.delete(key)
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const nowMs = env.clock.monotonicMs()
      const due = [...tasks].filter(([, task]) => task.dueMs <= nowMs).slice(0, filesAtOnce)
      await Promise.all(due.map(([key, task]) => attempt(key, task)))
      if (due.length === 0) await env.clock.sleep(tickMs, signal).catch(() => undefined)
    }
  }

  return {
    check(placement) {
      const row = placement.holders.indexOf(nodeId)
      const submission = submissions.known(placement.root, placement.sizeBytes)
      if (row < 0 || submissions.isOver(placement.root, placement.sizeBytes)) return
      const wanted = { ...placement, row, fileKey: submission?.fileKey ?? '' }
      const isWhole = submission?.shape && parts.fragments.isWhole(wanted, submission.shape)
      if (!isWhole) enqueue(placement, row)
    },
    async takeOver(json) {
      const { row, placement: shown } = (json ?? {}) as { row?: unknown; placement?: unknown }
      const read = readPlacement(shown)
      if (!read.ok) return read
      const placement = read.value
      const holder = typeof row === 'number' ? placement.holders[row] : undefined
      if (holder === undefined || placementStage(placement) === 'open') return reject('placement-malformed', 'row')
      if (placement.holders.includes(nodeId)) return reject('row-taken', 'this node holds another row')
      if (nodes.find(holder) || nodes.silentMs(holder) < parts.goneMs / 2) return reject('holder-live')
      if (!submissions.known(placement.root, placement.sizeBytes)) return reject('submission-unknown')
      enqueue(placement, row as number)
      return accept(undefined)
    },
    stats: () => ({ ...counts, waiting: tasks.size }),
    list: (limit) => [...tasks.values()].slice(0, limit).map((task) => describeTask(task, env.clock.monotonicMs())),
    ended: run(),
  }
}

function describeTask({ placement, row, sinceMs, attempt }: Task, nowMs: number): RepairTask {
  const { root, sizeBytes } = placement
  return { root, sizeBytes, row, ageMs: nowMs - sinceMs, attempts: attempt }
}

async function rebuildMissing(
  parts: Parameters<typeof rebuildStripe>[0],
  job: RebuildJob,
  signal: AbortSignal,
): Promise<void> {
  const { fragments, env } = parts
  const { placement, row, fileKey, shape } = job
  const { root, sizeBytes, dataRows, parityRows } = placement
  const nowMs = env.clock.nowMs()
  const file = { fileKey, root, sizeBytes, dataRows, parityRows, row, firstMs: nowMs, lastMs: nowMs }
  const known = fragments.file(fileKey)
  if (!known || !isSameRow(known, file)) await fragments.assign(file)
  const stripes = Math.ceil(shape.segments / dataRows)
  const last = row < dataRows && (stripes - 1) * dataRows + row >= shape.segments ? stripes - 1 : stripes
  for (let from = 0; from < last; from += pageStripes) {
    const page = Array.from({ length: Math.min(pageStripes, last - from) }, (_, at) => from + at)
    const missing = page.filter((stripe) => !fragments.has(fileKey, stripe))
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < missing.length) await rebuildStripe(parts, job, missing[next++]!, signal)
    }
    await Promise.all(Array.from({ length: stripesAtOnce }, worker))
  }
}

function countRepair({ metrics }: Pick<Env, 'metrics'>) {
  const name = 'weightless_storage_repair'
  return {
    fetched: metrics.counter(`${name}_fragments_fetched_total`, 'Fragments that came over the network for repair'),
    fetchedBytes: metrics.counter(`${name}_bytes_fetched_total`, 'Bytes that came over the network for repair'),
    rebuilt: metrics.counter(`${name}_fragments_rebuilt_total`, 'Fragments rebuilt'),
  }
}
