/**
 * Tells the DHT what this node holds. One lookup for every root would cost thousands of them; here roots wait a moment
 * and go out together. New ones go first; each is said again after half of a record's life, and to a node that joins.
 * Spec: p2p §3.
 */
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { recordTtlMs } from './providerTable.ts'
import type { RootSpreader } from './spreadRoots.ts'

export type RootAnnouncer = {
  provide(root: Hex): void
  unprovide(root: Hex): void
  /** A node came that may be nearer to some roots than those that were told. */
  welcome(nodeId: Hex): void
  provided(): number
  waiting(): number
  run(signal: AbortSignal): Promise<void>
}

/** @param hasPeers - false while there is nobody to tell */
export function createRootAnnouncer(
  env: Pick<Env, 'clock' | 'log' | 'random'>,
  spreader: RootSpreader,
  hasPeers: () => boolean,
): RootAnnouncer {
  const { clock } = env
  /** When to say each root again; in the order of that time. */
  const due = new Map<Hex, number>()
  const fresh = new Set<Hex>()
  const withdrawn = new Set<Hex>()
  const newcomers = new Set<Hex>()
  let rest = new AbortController()

  function take(): Hex[] {
    const batch = [...firstOf(fresh, batchMax)]
    for (const [root, dueMs] of due) {
      if (batch.length >= batchMax || dueMs > clock.monotonicMs()) break
      batch.push(root)
    }
    return batch
  }

  function settle(root: Hex, isTold: boolean): void {
    const isWanted = fresh.delete(root) || due.delete(root)
    if (!isWanted) return
    const jitter = 1 - env.random.bytes(1)[0]! / 2_560
    due.set(root, clock.monotonicMs() + (isTold ? (recordTtlMs / 2) * jitter : retryMs))
  }

  async function work(signal: AbortSignal): Promise<void> {
    for (const nodeId of newcomers) {
      newcomers.delete(nodeId)
      await spreader.tellNewcomer(nodeId, [...due.keys()], signal)
    }
    const gone = [...firstOf(withdrawn, batchMax)]
    if (gone.length > 0) await spreader.spread(gone, true, signal)
    for (const root of gone) withdrawn.delete(root)
    const batch = take()
    if (batch.length === 0) return
    const told = await spreader.spread(batch, false, signal)
    for (const root of batch) settle(root, told.has(root))
    env.log.debug('roots announced', { roots: batch.length, told: told.size })
  }

  const hasWork = (): boolean => hasPeers() && newcomers.size + withdrawn.size + take().length > 0

  return {
    provide(root) {
      withdrawn.delete(root)
      if (due.has(root) || fresh.has(root)) return
      if (due.size + fresh.size >= rootsMax) return env.log.warn('too many roots to provide', { root, rootsMax })
      fresh.add(root)
      rest.abort()
    },
    unprovide(root) {
      const wasTold = due.delete(root)
      if (!fresh.delete(root) && !wasTold) return
      if (withdrawn.size < rootsMax) withdrawn.add(root)
      rest.abort()
    },
    welcome(nodeId) {
      if (newcomers.size < newcomersMax) newcomers.add(nodeId)
      rest.abort()
    },
    provided: () => due.size + fresh.size,
    waiting: () => fresh.size,
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(gatherMs, signal).catch(() => undefined)
        rest = new AbortController()
        if (!hasWork()) {
          await clock.sleep(restMs, AbortSignal.any([signal, rest.signal])).catch(() => undefined)
          continue
        }
        await work(signal).catch((fault: unknown) => {
          if (!signal.aborted) env.log.warn('announcing failed', { reason: String(fault) })
        })
      }
    },
  }
}

function* firstOf(roots: Iterable<Hex>, count: number): Generator<Hex> {
  for (const root of roots) {
    if (count-- <= 0) return
    yield root
  }
}

const rootsMax = 250_000
const batchMax = 8_192
const newcomersMax = 4_096
/** How long roots wait for company. */
const gatherMs = 100
const restMs = 30_000
const retryMs = 30_000
