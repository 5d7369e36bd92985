/** A process of several nodes, told by its parent what to do. Started by `measureLookups.ts`. */
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { createNodeEnv } from '@weightless/env/node'
import { openPeerNetwork, type PeerNetwork } from '@weightless/p2p'
import { signNodeRecord } from '@weightless/storage/wire'

const env = createNodeEnv({ dataFolder: tmpdir(), log: 'silent' })
const identity = { chainId: 31337, flowAddress: `0x${'ab'.repeat(20)}` as const }
const nodes: PeerNetwork[] = []

const commands = {
  async open({ count, bootstrap }: { count: number; bootstrap: string[] }) {
    for (let i = 0; i < count; i++) {
      const secretKey32 = new Uint8Array(randomBytes(32))
      const record = (addresses: readonly string[]) => {
        const place = { url: 'http://127.0.0.1:5681', shard: null, addresses, freeBytes: 0 }
        return signNodeRecord({ ...place, ...identity, signedMs: env.clock.nowMs() }, secretKey32)
      }
      const options = { env, secretKey32, listen: 0, bootstrap, identity, record, inboundPerSecondMax: 1_000 }
      nodes.push(await openPeerNetwork(options))
    }
    return nodes.map((node) => ({ nodeId: node.nodeId, address: node.addresses()[0]! }))
  },
  async status() {
    return nodes.map((node) => ({ ...node.status(), live: node.nodes().length, peers: node.peers().length }))
  },
  async provide({ at, roots }: { at: number; roots: `0x${string}`[] }) {
    for (const root of roots) nodes[at]!.provide(root)
  },
  async find({ at, root }: { at: number; root: `0x${string}` }) {
    const { hops, depth, ms, nodes: found } = await nodes[at]!.findHolders(root)
    return { hops, depth, ms, found: found.map(({ nodeId }) => nodeId) }
  },
  /** A node that knows one address and nothing else, from its first line to the answer. */
  async findCold({ bootstrap, root }: { bootstrap: string[]; root: `0x${string}` }) {
    const startMs = performance.now()
    await commands.open({ count: 1, bootstrap })
    const openMs = performance.now() - startMs
    const answer = await commands.find({ at: nodes.length - 1, root })
    const totalMs = performance.now() - startMs
    await nodes.pop()!.close()
    return { ...answer, openMs, totalMs }
  },
  async usage() {
    globalThis.gc?.()
    const { rss, heapUsed } = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    return { rss, heapUsed, cpuMs: (user + system) / 1_000 }
  },
}

process.on('message', async ({ id, name, input }: { id: number; name: keyof typeof commands; input: never }) => {
  try {
    process.send!({ id, answer: await commands[name](input) })
  } catch (fault) {
    process.send!({ id, fault: String(fault) })
  }
})
process.on('disconnect', () => process.exit(0))
