/** How the devnet's gateway and storage nodes join each other: who listens where, and whom each knows from the start. */

/** The gateway is place 0, storage node 1 place 1. */
export type PeerPlan = { joinOf(place: number): { listen: number; bootstrap: string[] } }

/** Each knows the gateway and the first nodes; of the others it hears from them. */
const knownFirst = 3

export function planPeers(ports: readonly number[]): PeerPlan {
  const known = ports.slice(0, knownFirst).map((port) => `/ip4/127.0.0.1/tcp/${port}`)
  return {
    joinOf: (place) => ({
      listen: ports[place]!,
      bootstrap: known.filter((_, other) => other !== place),
    }),
  }
}
