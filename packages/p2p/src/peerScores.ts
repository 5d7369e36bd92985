/** What peers did wrong, as points that fade; too many, and a peer is dropped and refused for a while. Spec: p2p §6. */
import type { Hex } from '@weightless/codec'
import type { Clock } from '@weightless/env'

export type PeerFault =
  /** Bytes that do not belong to the root they were served for. Proof, not suspicion. */
  | 'bytes-wrong'
  /** A record or placement with a wrong signature, or for something else than was asked. */
  | 'record-wrong'
  /** Passed on an announcement that anyone can see is wrong. */
  | 'gossip-wrong'
  /** A request that no honest node makes. */
  | 'request-wrong'
  | 'rate-exceeded'
  | 'no-answer'
  /** Of another chain or another Flow: refused at once. */
  | 'network-other'

export type PeerScores = {
  report(nodeId: Hex, fault: PeerFault): void
  /** At most 0. */
  score(nodeId: Hex): number
  isRefused(nodeId: Hex): boolean
  refused(): number
}

/** @param onRefused - called when a node falls below the limit */
export function createPeerScores(clock: Clock, onRefused: (nodeId: Hex, fault: PeerFault) => void): PeerScores {
  const notes = new Map<Hex, Note>()

  function read(nodeId: Hex): Note {
    const nowMs = clock.monotonicMs()
    const note = notes.get(nodeId)
    if (!note) return { points: 0, atMs: nowMs, refusedUntilMs: 0 }
    const points = Math.min(0, note.points + ((nowMs - note.atMs) / 60_000) * recoveredPerMinute)
    return { ...note, points, atMs: nowMs }
  }

  function keep(nodeId: Hex, note: Note): void {
    notes.delete(nodeId)
    if (notes.size >= notesMax) notes.delete(notes.keys().next().value!)
    notes.set(nodeId, note)
  }

  return {
    report(nodeId, fault) {
      const note = read(nodeId)
      const points = note.points - costs[fault]
      // Rounded, since a moment of recovery between two faults should not save anyone.
      if (Math.round(points) > refusalPoints) return keep(nodeId, { ...note, points })
      // After its time it may come back, half-way to the next refusal.
      keep(nodeId, { points: refusalPoints / 2, atMs: note.atMs + refusalMs, refusedUntilMs: note.atMs + refusalMs })
      onRefused(nodeId, fault)
    },
    score: (nodeId) => (isRefused(read(nodeId), clock) ? refusalPoints : Math.round(read(nodeId).points)),
    isRefused: (nodeId) => isRefused(notes.get(nodeId), clock),
    refused: () => [...notes.values()].filter((note) => isRefused(note, clock)).length,
  }
}

type Note = { points: number; atMs: number; refusedUntilMs: number }

function isRefused(note: Note | undefined, clock: Clock): boolean {
  return note !== undefined && note.refusedUntilMs > clock.monotonicMs()
}

const costs: { readonly [Fault in PeerFault]: number } = {
  'bytes-wrong': 40,
  'record-wrong': 40,
  'gossip-wrong': 25,
  'request-wrong': 20,
  'rate-exceeded': 5,
  'no-answer': 1,
  'network-other': 100,
}
const refusalPoints = -100
const refusalMs = 600_000
const recoveredPerMinute = 10
const notesMax = 16_384
