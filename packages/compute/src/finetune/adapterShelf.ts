/** Paid adapters, each served to its user alone under a name of its own; few are in memory at once, opened when asked for. Spec: FINETUNING §10. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import { adaptedModelRoot } from '@weightless/tensor'
import type { DisputedJob, ExactEngine } from '../engine/engine.ts'

export type AdaptedModel = { name: string; taskId: string; user: Hex; adapter(): Promise<Uint8Array> }

export type AdapterShelf = {
  /** A later one of the same name takes its place. */
  add(model: AdaptedModel): void
  listOf(user: Hex): readonly AdaptedModel[]
  /** Undefined when the user has no such adapter. `busy` when all that can be in memory answer just now. */
  engineOf(user: Hex, name: string): Promise<ExactEngine | 'busy' | undefined>
  /** Of the adapter with which a receipt names its model so. */
  engineOfRoot(user: Hex, modelRoot: Hex, baseRoot: Hex): Promise<ExactEngine | 'busy' | undefined>
  /** Ends what is under way for a dispute, whichever engine it is in. */
  forgetDispute(key: string): void
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

  async function engineOf(user: Hex, name: string): Promise<ExactEngine | 'busy' | undefined> {
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
  }

  return {
    add: (model) => void models.set(model.name, model),
    listOf: (user) => [...models.values()].filter((model) => model.user === user),
    engineOf,
    async engineOfRoot(user, modelRoot, baseRoot) {
      for (const model of models.values()) {
        if (model.user === user && (await rootOf(model, baseRoot)) === modelRoot) return engineOf(user, model.name)
      }
      return undefined
    },
    forgetDispute(key) {
      for (const { engine } of opened.values()) {
        engine.then(
          ({ forgetDispute }) => forgetDispute?.(key),
          () => undefined,
        )
      }
    },
    async close() {
      for (const { engine } of opened.values()) await (await engine.catch(() => undefined))?.close()
      opened.clear()
    },
  }
}

const roots = new WeakMap<AdaptedModel, Hex>()

/** Adapters do not change: each is hashed once. */
async function rootOf(model: AdaptedModel, baseRoot: Hex): Promise<Hex> {
  const root = roots.get(model) ?? bytesToHex(fileRoot(await model.adapter()))
  roots.set(model, root)
  return adaptedModelRoot(baseRoot, root)
}

/** The engine, with its running jobs counted, so that none is closed under its reader. */
function leased(engine: ExactEngine, entry: Opened): ExactEngine {
  const { defend } = engine
  return {
    ...engine,
    ...(defend && {
      async defend(disputed: DisputedJob) {
        entry.running++
        try {
          return await defend(disputed)
        } finally {
          entry.running--
        }
      },
    }),
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
