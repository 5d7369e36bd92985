/** Which port each devnet service listens on, and how a busy machine gets another set. */
import { createServer } from 'node:net'
import { WeightlessError } from '@weightless/codec'

export type PortPlan = {
  chain: number
  /** The indexer and the gateway that takes whole files share one port. */
  storage: number
  /** The storage nodes, in order. */
  storageNodes: number[]
  /** Where the gateway and then each storage node listens for peers; empty where they do not. */
  peers: number[]
  keyValue: number
  s3: number
  gateway: number
  providers: number[]
  /** The fine-tuning provider. */
  fineTuning: number
  console: number
}

export type PortCounts = { nodes: number; providers: number; peers: boolean }

/** Default ports; `portBase` shifts every one of them by the same amount. */
export function planPorts(portBase: number, counts: PortCounts): PortPlan {
  return {
    chain: 8545 + portBase,
    storage: 5678 + portBase,
    storageNodes: Array.from({ length: counts.nodes }, (_, i) => 5681 + i + portBase),
    peers: Array.from({ length: counts.peers ? counts.nodes + 1 : 0 }, (_, i) => 5700 + i + portBase),
    keyValue: 6789 + portBase,
    s3: 9000 + portBase,
    gateway: 8080 + portBase,
    providers: Array.from({ length: counts.providers }, (_, i) => 8081 + i + portBase),
    fineTuning: 8091 + portBase,
    console: 3000 + portBase,
  }
}

/**
 * The first shift, counting from `portBase` in steps of 100, at which every port is free.
 * Returns the plan and the ports that were found busy on the way.
 */
export async function findFreePorts(
  portBase: number,
  counts: PortCounts,
): Promise<{ plan: PortPlan; portBase: number; busyPorts: number[] }> {
  const busyPorts: number[] = []
  for (let shift = portBase; shift < portBase + 100 * shiftsMax; shift += 100) {
    const plan = planPorts(shift, counts)
    const busyNow = await busyAmong(listPorts(plan))
    if (busyNow.length === 0) return { plan, portBase: shift, busyPorts }
    busyPorts.push(...busyNow)
  }
  throw new PortsExhaustedError({ portBase, tried: shiftsMax })
}

export function listPorts(plan: PortPlan): number[] {
  const { chain, storage, storageNodes, peers, keyValue, s3, gateway, providers, fineTuning, console } = plan
  return [chain, storage, ...storageNodes, ...peers, keyValue, s3, gateway, ...providers, fineTuning, console]
}

async function busyAmong(ports: readonly number[]): Promise<number[]> {
  const states = await Promise.all(ports.map(isFree))
  return ports.filter((_, i) => !states[i])
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  })
}

const shiftsMax = 50

export class PortsExhaustedError extends WeightlessError {
  constructor(facts: { portBase: number; tried: number }) {
    super('node/ports-exhausted', 'No free set of ports was found.', facts, {
      hint: 'Stop what listens there, or choose another --port-base.',
    })
  }
}
