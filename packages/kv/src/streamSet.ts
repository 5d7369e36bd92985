/**
 * Which streams a node follows. Adding one may change what became of earlier transactions that touch it together with others,
 * so the log is replayed from its beginning into a second replica, which takes over when it has caught up. Spec: kv §3.4.
 */
import { bytesToText, type Hex, textToBytes, WeightlessError } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { openKeyValue } from '@weightless/store'
import type { Replica } from './replica.ts'

export type StreamSet = {
  replica(): Replica
  /** Ascending. */
  streams(): readonly Hex[] | 'all'
  /** Resolves when the stream is written down; it is followed as soon as the log was replayed. @throws {StreamsFullError} */
  add(streamId: Hex): Promise<void>
  close(): Promise<void>
}

type Open = (folder: string, streams: 'all' | ReadonlySet<Hex>) => Promise<Replica>

/** `folder` holds exactly `streams`; `wanted` is what it should come to. */
type Plan = { folder: string; streams: Hex[] | 'all'; nextFolder: number; wanted: Hex[] | 'all' }

const streamsMax = 4_096
const planKey = 'plan'
const pollMs = 100

export async function openStreamSet(
  { clock, disk }: Pick<Env, 'clock' | 'disk'>,
  asked: 'all' | readonly Hex[],
  open: Open,
): Promise<StreamSet> {
  const plans = await openKeyValue(disk, 'streams')
  const stored = plans.get(planKey)
  const named = asked === 'all' ? 'all' : normalise(asked)
  let plan: Plan = stored
    ? merge(JSON.parse(bytesToText(stored)) as Plan, named)
    : { folder: 'replica-0', streams: named, nextFolder: 1, wanted: named }
  const save = async (next: Plan): Promise<void> => {
    await plans.put(planKey, textToBytes(JSON.stringify(next)))
    plan = next
  }
  await save(plan)
  for (const name of await disk.list('.').catch(() => [])) {
    if (name.startsWith('replica-') && name !== plan.folder) await disk.remove(name)
  }
  let current = await open(plan.folder, toSet(plan.streams))
  let next: Replica | undefined
  let building: Promise<void> = Promise.resolve()
  let isClosed = false

  /** Replays into a new folder until it has all that the current one has, then changes over. */
  const build = async (): Promise<void> => {
    while (!isClosed && key(plan.wanted) !== key(plan.streams)) {
      const { wanted, nextFolder } = plan
      const folder = `replica-${nextFolder}`
      await save({ ...plan, nextFolder: nextFolder + 1 })
      next = await open(folder, toSet(wanted))
      while (!isClosed && next.head().nextSeq < current.head().nextSeq) {
        await clock.sleep(pollMs)
      }
      if (isClosed) return
      const [old, oldFolder] = [current, plan.folder]
      await save({ ...plan, folder, streams: wanted })
      current = next
      next = undefined
      await old.close()
      await disk.remove(oldFolder)
    }
  }
  const start = (): void => {
    building = building.then(build).catch(() => undefined)
  }
  start()

  return {
    replica: () => current,
    streams: () => plan.streams,
    async add(streamId) {
      if (plan.wanted === 'all' || plan.wanted.includes(streamId)) return
      if (plan.wanted.length >= streamsMax) throw new StreamsFullError({ streamsMax })
      await save({ ...plan, wanted: normalise([...plan.wanted, streamId]) })
      start()
    },
    async close() {
      isClosed = true
      await next?.close()
      await building
      await current.close()
      await plans.close()
    },
  }
}

/** What a node was started with counts together with what was added to it. */
function merge(plan: Plan, asked: Hex[] | 'all'): Plan {
  if (asked === 'all' || plan.wanted === 'all') return { ...plan, wanted: asked === 'all' ? 'all' : asked }
  return { ...plan, wanted: normalise([...plan.wanted, ...asked]) }
}

function normalise(streams: readonly Hex[]): Hex[] {
  return [...new Set(streams.map((streamId) => streamId.toLowerCase() as Hex))].sort()
}

function toSet(streams: Hex[] | 'all'): 'all' | ReadonlySet<Hex> {
  return streams === 'all' ? 'all' : new Set(streams)
}

function key(streams: Hex[] | 'all'): string {
  return String(streams)
}

export class StreamsFullError extends WeightlessError {
  constructor(facts: { streamsMax: number }) {
    super('kv/streams-full', 'The node follows as many streams as it may.', facts)
  }
}
