/**
 * `admin_createSnapshot`, `admin_getSnapshot`: a copy of all that a node keeps, taken while it runs, in a folder that a node can be
 * opened from. One at a time. Spec: storage §14.
 */
import type { Disk, Env } from '@weightless/env'
import { createByteRate } from '../holder/repair/byteRate.ts'
import type { RpcAnswer, RpcMethods } from '../http/jsonRpcServer.ts'
import { guardOrigin } from '../node/adminMethods.ts'
import type { FlowLog } from '../node/flowLog.ts'
import { callFailed, invalidParams, type SnapshotJson } from '../wire/index.ts'
import type { Copying } from './copyStore.ts'
import { readMark, type SnapshotMark, writeMark } from './snapshotMark.ts'

export type SnapshotParts = {
  env: Pick<Env, 'clock' | 'log'>
  disk: Disk
  flow: FlowLog
  /** Bytes that are to be copied, about. */
  storedBytes(): number
  /** Copies everything; takes note of what is written behind before it first waits. */
  copy(target: Disk, copying: Copying): Promise<void>
}

export type Snapshots = { methods: RpcMethods; ended(): Promise<void> }

const bytesPerSecond = 128 * 1024 * 1024
/** Stays free beside the copy, for the node itself. */
const reserveBytes = 64 * 1024 * 1024
const nameForm = /^[a-z0-9][a-z0-9_-]{0,63}$/i

type Job = { name: string; copying: Copying; state: SnapshotJson['state']; reason: string | null }

export function keepSnapshots(parts: SnapshotParts, signal: AbortSignal): Snapshots {
  const { disk, storedBytes } = parts
  let job: Job | undefined
  let running: Promise<void> = Promise.resolve()
  let isStarting = false

  async function create(name: string): Promise<RpcAnswer> {
    if (job?.state === 'running' || isStarting) return { fault: callFailed('another snapshot is being taken') }
    isStarting = true
    try {
      const target = disk.folder(folderOf(name))
      if ((await readMark(target))?.isWhole) return { fault: callFailed('a snapshot of this name is there') }
      if ((await disk.freeBytes()) < storedBytes() + reserveBytes) {
        return { fault: callFailed('not enough room for a snapshot') }
      }
      await disk.remove(folderOf(name))
      const rate = createByteRate(parts.env.clock, bytesPerSecond)
      const copying = { signal, rate, count: { records: 0, bytes: 0, missing: 0 } }
      job = { name, copying, state: 'running', reason: null }
      running = take(parts, target, job)
      return { result: describeJob(parts, job) }
    } finally {
      isStarting = false
    }
  }

  async function find(name: string): Promise<SnapshotJson | null> {
    if (job?.name === name) return describeJob(parts, job)
    const mark = await readMark(disk.folder(folderOf(name)))
    return mark ? describeMark(name, mark) : null
  }

  return {
    methods: guardOrigin({
      admin_createSnapshot: ([name]) => withName(name, create),
      admin_getSnapshot: ([name]) => withName(name, async (known) => ({ result: await find(known) })),
    }),
    ended: () => running,
  }
}

const folderOf = (name: string): string => `snapshots/${name}`

async function take({ env, disk, flow, copy }: SnapshotParts, target: Disk, job: Job): Promise<void> {
  const { copying } = job
  const markNow = () => ({ takenMs: env.clock.nowMs(), submissions: flow.count(), headBlock: flow.headBlock() })
  try {
    await writeMark(target, { ...markNow(), ...copying.count, isWhole: false })
    for (const folder of ['snapshots', '']) await disk.syncFolder(folder)
    const mark = markNow()
    await copy(target, copying)
    await writeMark(target, { ...mark, ...copying.count, isWhole: true })
    job.state = 'complete'
    env.log.info('snapshot taken', { name: job.name, ...copying.count })
  } catch (fault) {
    job.state = 'failed'
    job.reason = fault instanceof Error ? fault.message : String(fault)
    if (copying.signal.aborted) return
    env.log.warn('snapshot failed', { name: job.name, reason: job.reason })
    // What is left of it would only take room.
    await disk.remove(folderOf(job.name)).catch(() => undefined)
  }
}

function describeJob({ storedBytes }: SnapshotParts, { name, state, reason, copying }: Job): SnapshotJson {
  const totalBytes = state === 'complete' ? copying.count.bytes : Math.max(storedBytes(), copying.count.bytes)
  return { name, folder: folderOf(name), state, reason, ...copying.count, totalBytes }
}

function describeMark(name: string, { isWhole, records, bytes, missing }: SnapshotMark): SnapshotJson {
  const state = isWhole ? 'complete' : 'failed'
  const reason = isWhole ? null : 'it was cut off'
  return { name, folder: folderOf(name), state, reason, records, bytes, missing, totalBytes: bytes }
}

/** Names are those of folders: nothing that leads elsewhere. */
function withName(value: unknown, run: (name: string) => Promise<RpcAnswer>): RpcAnswer | Promise<RpcAnswer> {
  if (typeof value === 'string' && nameForm.test(value)) return run(value)
  return { fault: invalidParams('name', 'expected up to 64 letters, digits, - and _') }
}
