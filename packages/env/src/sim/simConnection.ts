/**
 * One connection between two simulated hosts: messages in order each way, late by latency and loss, held by partitions,
 * broken by resets and crashes. HTTP and WebSockets both run over it.
 */
import { type Life, later, type World } from './world.ts'

export type Connection = {
  client: Life
  server: Life
  isOpen(): boolean
  /** Calls `run` at the other end, after all that was sent before in that direction. */
  toServer(label: string, sizeBytes: number, run: () => void): void
  toClient(label: string, sizeBytes: number, run: () => void): void
  /** Ends it at once at both ends; each end's handlers run once, with the reason. */
  cut(reason: string): void
  onCut(end: 'client' | 'server', run: (reason: string) => void): void
  /** Regular end: no handler runs. */
  finish(): void
}

export function createConnection(world: World, client: Life, server: Life): Connection {
  let open = true
  const handlers: { client: ((reason: string) => void)[]; server: ((reason: string) => void)[] } = {
    client: [],
    server: [],
  }
  const lastArrivalMs = { client: 0, server: 0 }

  const finish = (): void => {
    open = false
    client.onDeath.delete(onClientDeath)
    server.onDeath.delete(onServerDeath)
  }
  const cut = (reason: string): void => {
    if (!open) return
    finish()
    for (const end of ['client', 'server'] as const) {
      const life = end === 'client' ? client : server
      const [low, high] = world.faults.latencyMs
      for (const run of handlers[end]) later(world, life, world.random.between(low, high), 'cut', () => run(reason))
    }
  }
  const die = (): void => {
    if (!open) return
    world.fire('connection broken by crash')
    cut('ECONNRESET')
  }
  const onClientDeath = die
  const onServerDeath = die
  client.onDeath.add(onClientDeath)
  server.onDeath.add(onServerDeath)

  const send = (end: 'client' | 'server', label: string, sizeBytes: number, run: () => void): void => {
    if (!open) return
    if (world.random.chance(world.faults.resetChance)) {
      world.fire('connection reset')
      return cut('ECONNRESET')
    }
    const receiver = end === 'client' ? client : server
    const atMs = Math.max(lastArrivalMs[end], world.loop.nowMs() + delayOf(world, sizeBytes, [client, server]))
    lastArrivalMs[end] = atMs
    const deliver = (): void => {
      if (!open || !receiver.alive) return
      if (world.isConnected(client.host, server.host)) return run()
      world.fire('message held by partition')
      // Order is kept: what waits is released in the order in which it arrived.
      world.whenHealed(() => later(world, receiver, 0, label, deliver))
    }
    later(world, receiver, atMs - world.loop.nowMs(), label, deliver)
  }

  return {
    client,
    server,
    isOpen: () => open,
    toServer: (label, sizeBytes, run) => send('server', label, sizeBytes, run),
    toClient: (label, sizeBytes, run) => send('client', label, sizeBytes, run),
    cut,
    onCut: (end, run) => void handlers[end].push(run),
    finish,
  }
}

/** Latency, 1 Gbit/s, what the ends are slow by, and 200 ms doubled for each time the packet is lost. */
function delayOf(world: World, sizeBytes: number, ends: readonly Life[]): number {
  const [low, high] = world.faults.latencyMs
  const extraMs = ends.reduce((sum, { host }) => sum + world.hostFaults(host).extraMs, 0)
  if (extraMs > 0) world.fire('message slow')
  let delayMs = world.random.between(low, high) + sizeBytes / 125_000 + extraMs
  for (let resendMs = 200; resendMs < 10_000 && world.random.chance(world.faults.lossChance); resendMs *= 2) {
    world.fire('message lost')
    delayMs += resendMs
  }
  return delayMs
}
