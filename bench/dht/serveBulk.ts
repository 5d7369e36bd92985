/** Serves the same bytes over HTTP and over a libp2p stream, for `compareBulk.ts`; or, with a size alone, reads them. */
import { tmpdir } from 'node:os'
import { multiaddr } from '@multiformats/multiaddr'
import { createNodeEnv } from '@weightless/env/node'
import { createHost } from '@weightless/p2p/createHost'
import { protocolNames } from '@weightless/p2p/networkIdentity'
import { createPeerScores } from '@weightless/p2p/peerScores'
import { createProviderTable } from '@weightless/p2p/providerTable'

const env = createNodeEnv({ dataFolder: tmpdir(), log: 'silent' })
const protocol = '/bulk/1'
const piece = new Uint8Array(262_144).fill(7)
const bytesTotal = Number(process.argv[2]) * 1_048_576

const names = protocolNames({ chainId: 1, flowAddress: '0x00' })
const host = await createHost({
  ...{ names, topics: [], connectionsMax: 10, inboundPerSecondMax: 100, listen: ['/ip4/127.0.0.1/tcp/0'] },
  secretKey32: env.random.bytes(32),
  providers: createProviderTable(env.clock),
  scores: createPeerScores(env.clock, () => undefined),
})
await host.start()

async function serve() {
  await host.handle(protocol, async (stream) => {
    for (let sent = 0; sent < bytesTotal; sent += piece.length) {
      // False says that the other side should catch up first.
      if (!stream.send(piece)) await new Promise((resolve) => stream.addEventListener('drain', resolve, { once: true }))
    }
    await stream.close()
  })
  const server = await env.network.serve({
    port: 0,
    handler: async () => ({
      status: 200,
      body: (async function* () {
        for (let sent = 0; sent < bytesTotal; sent += piece.length) yield piece
      })(),
    }),
  })
  return { url: server.url, address: String(host.getMultiaddrs()[0]) }
}

const readers = {
  async http({ url }: { url: string }) {
    let bytes = 0
    for await (const chunk of (await env.network.fetch(url)).body) bytes += chunk.length
    return bytes
  },
  async libp2p({ address }: { address: string }) {
    let bytes = 0
    const stream = await host.dialProtocol(multiaddr(address), protocol)
    for await (const chunk of stream) bytes += chunk.byteLength
    return bytes
  },
}

process.on(
  'message',
  async ({ read, from }: { read?: keyof typeof readers; from: { url: string; address: string } }) => {
    if (!read) return process.send!(await serve())
    const cpu = process.cpuUsage()
    const startMs = performance.now()
    const bytes = await readers[read](from)
    const { user, system } = process.cpuUsage(cpu)
    process.send!({ bytes, ms: performance.now() - startMs, cpuMs: (user + system) / 1_000 })
  },
)
process.on('disconnect', () => process.exit(0))
