/** Paid adapters, each served to its user alone under a name of its own; few are in memory at once, opened when asked for. Spec: FINETUNING §10. */
import type { Hex } from '@weightless/codec'
import type { ExactEngine } from '../engine/engine.ts'

export type AdaptedModel = { name: string; taskId: string; user: Hex; adapter(): Promise<Uint8Array> }

export type AdapterShelf = {
  /** A later one of the same name takes its place. */
  add(model: AdaptedModel): void
  listOf(user: Hex): readonly AdaptedModel[]
  /** Undefined when the user has no such adapter. `busy` when all that can be in memory answer just now. */
  engineOf(user: Hex, name: string): Promise<ExactEngine | 'busy' | undefined>
  close(): Promise<void>
}

type Opened = { engine: Promise<ExactEngine>; running: number }

/** @param openMax - adapted models in memory, each with the whole base model */
export function createAdapterShelf(open: (model: AdaptedModel) => Promise<ExactEngine>, openMax = 1): AdapterShelf {
  const models = new Map<string, AdaptedModel>()
  const opened = new Map<string, Opened>()

  async function makeRoom(): Promise<boolean> {
    if (opened.size < openMax) return true
    const idle = [...opened].find(([, { running }]) => running === 0)
    if (!idle) return false
    opened.delete(idle[0])
    await (await idle[1].engine).close()
    return opened.size < openMax
  }

  return {
    add: (model) => void models.set(model.name, model),
    listOf: (user) => [...models.values()].filter((model) => model.user === user),
    async engineOf(user, name) {
      const model = models.get(name)
      if (!model || model.user !== user) return undefined
      let entry = opened.get(name)
      if (!entry) {
        if (!(await makeRoom())) return 'busy'
        // Another request may have opened it meanwhile.
        entry = opened.get(name) ?? { engine: open(model), running: 0 }
        opened.set(name, entry)
        entry.engine.catch(() => opened.delete(name))
      }
      return leased(await entry.engine, entry)
    },
    async close() {
      for (const { engine } of opened.values()) await (await engine.catch(() => undefined))?.close()
      opened.clear()
    },
  }
}

/** The engine, with its running jobs counted, so that none is closed under its reader. */
function leased(engine: ExactEngine, entry: Opened): ExactEngine {
  return {
    ...engine,
    async start(job) {
      entry.running++
      let isOver = false
      const leave = () => {
        if (!isOver) entry.running--
        isOver = true
      }
      try {
        const run = await engine.start(job)
        return { ...run, end: (keepTokens) => run.end(keepTokens).finally(leave) }
      } catch (fault) {
        leave()
        throw fault
      }
    },
  }
}
