/**
 * What happened in each task, for its user: notes and measured points, kept in a file beside the task, followed live.
 * It is a record for people: losing its last lines in a crash changes nothing. Spec: FINETUNING §6.
 */
import { bytesToText, textToBytes } from '@weightless/codec'
import type { Disk, File, Log } from '@weightless/env'
import type { TrainingPoint } from './trainingWorker.ts'

export type JournalEntry =
  | { kind: 'note'; atMs: number; text: string }
  | ({ kind: 'point'; atMs: number } & TrainingPoint)

export type TaskJournal = {
  note(id: string, text: string): Promise<void>
  point(id: string, point: TrainingPoint): Promise<void>
  list(id: string): Promise<readonly JournalEntry[]>
  /** Entries from number `from` on, then each new one; ends when `end()` was called for the task or `signal` aborts. */
  follow(id: string, from: number, signal: AbortSignal): AsyncGenerator<{ at: number; entry: JournalEntry }>
  /** Nothing more will come. */
  end(id: string): void
  forget(id: string): Promise<void>
  close(): Promise<void>
}

export type JournalOptions = {
  disk: Disk
  folder: string
  log: Log
  nowMs(): number
  /** Whether nothing more comes for a task that is looked at for the first time. */
  isOver(id: string): boolean
}

/** Entries of a task; from there on only notes are taken, up to twice as many. */
const entriesMax = 4_000
const openMax = 128

type Page = {
  entries: JournalEntry[]
  file: File | undefined
  bytes: number
  ended: boolean
  wakes: Set<() => void>
  order: Promise<void>
}

export function createTaskJournal(options: JournalOptions): TaskJournal {
  const { disk, folder, log, nowMs, isOver } = options
  const pages = new Map<string, Promise<Page>>()
  const pathOf = (id: string) => `${folder}/${id}/journal.jsonl`

  function open(id: string): Promise<Page> {
    const known = pages.get(id)
    if (known) return known
    const page = loadPage(disk, pathOf(id), isOver(id))
    pages.set(id, page)
    page.catch(() => pages.delete(id))
    void closeOldest()
    return page
  }

  async function closeOldest(): Promise<void> {
    if (pages.size <= openMax) return
    for (const [id, opening] of pages) {
      const page = await opening.catch(() => undefined)
      if (!page || (page.ended && page.wakes.size === 0)) {
        pages.delete(id)
        await page?.order
        await page?.file?.close()
        return
      }
    }
  }

  async function add(id: string, entry: JournalEntry): Promise<void> {
    const page = await open(id)
    const room = entry.kind === 'note' ? 2 * entriesMax : entriesMax
    if (page.entries.length >= room) return
    page.entries.push(entry)
    for (const wake of page.wakes) wake()
    page.order = page.order
      .then(() => write(page, id, entry))
      .catch((fault) => log.warn('journal not written', { task: id, reason: String(fault) }))
    await page.order
  }

  async function write(page: Page, id: string, entry: JournalEntry): Promise<void> {
    page.file ??= await disk.open(pathOf(id), 'create')
    const line = textToBytes(`${JSON.stringify(entry)}\n`)
    await page.file.write(page.bytes, line)
    page.bytes += line.length
  }

  return {
    note: (id, text) => add(id, { kind: 'note', atMs: nowMs(), text }),
    point: (id, point) => add(id, { kind: 'point', atMs: nowMs(), ...point }),
    list: async (id) => (await open(id)).entries,
    async *follow(id, from, signal) {
      const page = await open(id)
      for (let at = Math.max(0, from); !signal.aborted; ) {
        const entry = page.entries[at]
        if (entry) yield { at: at++, entry }
        else if (page.ended) return
        else await nextOf(page, signal)
      }
    },
    end(id) {
      void pages.get(id)?.then((page) => {
        page.ended = true
        for (const wake of page.wakes) wake()
      })
    },
    async forget(id) {
      const page = await pages.get(id)?.catch(() => undefined)
      pages.delete(id)
      await page?.order
      await page?.file?.close()
      await disk.remove(`${folder}/${id}`)
    },
    async close() {
      for (const opening of pages.values()) {
        const page = await opening.catch(() => undefined)
        if (!page) continue
        page.ended = true
        for (const wake of page.wakes) wake()
        await page.order
        await page.file?.close()
      }
      pages.clear()
    },
  }
}

/** Resolves at the page's next change. */
function nextOf(page: Page, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      page.wakes.delete(wake)
      signal.removeEventListener('abort', wake)
      resolve()
    }
    page.wakes.add(wake)
    signal.addEventListener('abort', wake, { once: true })
  })
}

/** A last line that a crash tore is dropped and written over. */
async function loadPage(disk: Disk, path: string, ended: boolean): Promise<Page> {
  const page: Page = { entries: [], file: undefined, bytes: 0, ended, wakes: new Set(), order: Promise.resolve() }
  if (!(await disk.exists(path))) return page
  const file = await disk.open(path, 'read')
  try {
    const bytes = await file.read(0, Math.min(await file.size(), journalBytesMax))
    for (let start = 0; ; ) {
      const stop = bytes.indexOf(newline, start)
      const entry = stop < 0 ? undefined : readEntry(bytes.subarray(start, stop))
      if (!entry) break
      page.entries.push(entry)
      start = stop + 1
      page.bytes = start
    }
  } finally {
    await file.close()
  }
  return page
}

function readEntry(bytes: Uint8Array): JournalEntry | undefined {
  try {
    return JSON.parse(bytesToText(bytes)) as JournalEntry
  } catch {
    // Torn by a power cut: the line is not counted.
    return undefined
  }
}

const newline = 0x0a
const journalBytesMax = 8 * 1024 * 1024

/** A journal as the text that the SDK shows. */
export function renderLog(entries: readonly JournalEntry[]): string {
  return entries.map((entry) => `${new Date(entry.atMs).toISOString()} ${textOf(entry)}\n`).join('')
}

function textOf(entry: JournalEntry): string {
  if (entry.kind === 'note') return entry.text
  const { step, steps, loss, heldOut, tokensPerSecond } = entry
  const measured = heldOut ? ` held-out loss ${heldOut.loss.toFixed(4)} accuracy ${heldOut.accuracy.toFixed(4)}` : ''
  return `step ${step}/${steps} loss ${loss.toFixed(4)}${measured} ${Math.round(tokensPerSecond)} tokens/s`
}
