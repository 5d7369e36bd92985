/** The runs of a sorted store: one is added from a full table, and the newest are merged so that there are few. */
import type { Disk } from '@weightless/env'
import { createBlockCache } from './blockCache.ts'
import { mergeCursors } from './mergeCursors.ts'
import { readRunList, writeRunList } from './runList.ts'
import type { Cursor, SortedEntry } from './sortedEntry.ts'
import { openRun, type SortedRun, writeRun } from './sortedRun.ts'

export type RunSet = {
  /** Newest first. */
  runs(): readonly SortedRun[]
  /** Batches before this position of the log are in the runs. */
  logFrom(): number
  /** Writes entries in order as the newest run; durable when it resolves. */
  add(entries: Cursor, logFrom: number): Promise<void>
  /** Merges the newest runs while together they are at least half of the next older one: so each is twice the next. */
  merge(): Promise<void>
  close(): Promise<void>
}

/** @throws {LogCorruptError} */
export async function openRunSet(
  disk: Disk,
  folder: string,
  { cacheBytesMax, filterTailBytes }: { cacheBytesMax: number; filterTailBytes: number },
): Promise<RunSet> {
  const cache = createBlockCache(cacheBytesMax)
  const list = await readRunList(disk, folder)
  let { nextRunNumber, logFrom } = list
  let runs: SortedRun[] = []
  const pathOf = (runNumber: number): string => `${folder}/${runNumber}.run`
  await removeStrangers(disk, folder, list.runNumbers)
  try {
    for (const runNumber of list.runNumbers) runs.push(await openRun(disk, pathOf(runNumber), runNumber, cache))
  } catch (error) {
    await Promise.all(runs.map((run) => run.close()))
    throw error
  }

  const save = async (next: SortedRun[]): Promise<void> => {
    await writeRunList(disk, folder, { runNumbers: next.map(({ runNumber }) => runNumber), nextRunNumber, logFrom })
    runs = next
  }
  const writeNew = async (entries: Iterable<SortedEntry>): Promise<SortedRun> => {
    const runNumber = nextRunNumber++
    await writeRun(disk, pathOf(runNumber), entries, filterTailBytes)
    return openRun(disk, pathOf(runNumber), runNumber, cache)
  }
  const merge = async (): Promise<void> => {
    const count = mergeCount(runs)
    if (count < 2) return
    const merged = runs.slice(0, count)
    const entries = mergeCursors(
      merged.map((run) => run.scan()),
      false,
    )
    const run = await writeNew(count === runs.length ? withoutRemoved(entries) : entries)
    await save([run, ...runs.slice(count)])
    for (const { close, runNumber } of merged) {
      await close()
      await disk.remove(pathOf(runNumber))
    }
    await merge()
  }

  return {
    runs: () => runs,
    logFrom: () => logFrom,
    async add(entries, from) {
      const run = await writeNew(mergeCursors([entries], false))
      const before = logFrom
      logFrom = from
      await save([run, ...runs]).catch((error: unknown) => {
        logFrom = before
        throw error
      })
    },
    merge,
    close: async () => void (await Promise.all(runs.map((run) => run.close()))),
  }
}

function* withoutRemoved(entries: Iterable<SortedEntry>): Generator<SortedEntry> {
  for (const entry of entries) if (entry.value !== undefined) yield entry
}

function mergeCount(runs: readonly SortedRun[]): number {
  let gatheredBytes = runs[0]?.sizeBytes ?? 0
  let count = 1
  for (const { sizeBytes } of runs.slice(1)) {
    if (2 * gatheredBytes < sizeBytes) break
    gatheredBytes += sizeBytes
    count++
  }
  return count
}

/** What a crash left of a run that no list names. */
async function removeStrangers(disk: Disk, folder: string, known: readonly number[]): Promise<void> {
  const names = new Set(known.map((runNumber) => `${runNumber}.run`))
  for (const name of await disk.list(folder)) {
    if (name.endsWith('.run') && !names.has(name)) await disk.remove(`${folder}/${name}`)
  }
}
