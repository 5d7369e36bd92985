/** The node store under power cuts at every write: what a chain's state rests on. */
import type { Env } from '@weightless/env'
import type { Sim } from '@weightless/env/sim'
import { type NodeEntry, openNodeStore } from '@weightless/store'
import { crashFaults, isInjected, runCrashRounds } from './crashRounds.ts'
import { claim, type Scenario } from './scenario.ts'

export const storeNodes: Scenario = {
  name: 'store/nodes',
  claim:
    'The newest meta is that of the last commit, or of one in flight; all nodes of the commits up to it are there.',
  plants: ['skip-fsync', 'swap-write-order', 'ignore-torn-tail', 'skip-folder-sync'],
  fires: crashFaults,
  run: (seed, onSim) => {
    const commits: Commit[] = []
    return runCrashRounds(seed, onSim, { work: (env, sim) => workOnNodes(env, sim, commits) })
  },
}

type Commit = { entries: NodeEntry[]; isPromised: boolean }

async function workOnNodes(env: Env, sim: Sim, commits: Commit[]): Promise<void> {
  try {
    const store = await openNodeStore(env.disk, 'nodes', { segmentBytesMax: 8192, recentBytesMax: 2000, log: env.log })
    const height = store.meta()?.[0] ?? 0
    claim(height >= commits.filter(({ isPromised }) => isPromised).length, 'a commit that was done is lost')
    claim(height <= commits.length, 'a commit is found that was never made')
    commits.length = height
    for (const commit of commits) {
      commit.isPromised = true
      for (const { key, value } of commit.entries) {
        const found = store.get(key)
        claim(found !== undefined && Buffer.compare(found, value) === 0, 'a node is lost or changed')
      }
    }
    for (let step = 0; step < 10; step++) {
      const entries = Array.from({ length: 1 + sim.random.integer(6) }, () => makeEntry(sim, commits))
      const commit = { entries, isPromised: false }
      commits.push(commit)
      await store.commit(entries, Uint8Array.of(commits.length))
      commit.isPromised = true
    }
    await store.close()
  } catch (error) {
    if (!isInjected(error)) throw error
  }
}

/** Mostly new, now and then one that an earlier commit has brought. */
function makeEntry(sim: Sim, commits: readonly Commit[]): NodeEntry {
  if (commits.length > 0 && sim.random.chance(0.1)) return sim.random.pick(sim.random.pick(commits).entries)
  return { key: sim.random.bytes(32), value: sim.random.bytes(sim.random.integer(400)) }
}
