/** Gives each test devnet of a machine a shift of the ports that no other has, however many processes start one at once. */
import { createServer } from 'node:net'
import { PortsExhaustedError } from './portPlan.ts'

export type PortClaim = { portBase: number; release(): Promise<void> }

/**
 * Far from the defaults, so that a devnet on the same machine is left alone, and below the ports that Linux gives to outgoing
 * connections (32,768 and up).
 */
const firstBase = 20_000
/** Shifts of up to 2,300: from 2,400 on, one devnet's providers have the ports of another's storage nodes. */
const claimsMax = 24
/** No service has a port that ends in 99. */
const claimPort = 2_999

/**
 * The first shift that no process has claimed. A listening socket is the claim, so the system takes it back from a process
 * that dies. Whether the ports themselves are free is for `findFreePorts` to see.
 * @throws {PortsExhaustedError} every shift is claimed
 */
export async function claimPortBase(): Promise<PortClaim> {
  for (let at = 0; at < claimsMax; at++) {
    const portBase = firstBase + 100 * at
    const release = await hold(portBase + claimPort)
    if (release) return { portBase, release }
  }
  throw new PortsExhaustedError({ portBase: firstBase, tried: claimsMax })
}

/** Undefined when somebody else has it. */
function hold(port: number): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve) => {
    const holder = createServer((socket) => socket.destroy())
    holder.once('error', () => resolve(undefined))
    holder.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      holder.unref()
      resolve(() => new Promise((released) => holder.close(() => released())))
    })
  })
}
