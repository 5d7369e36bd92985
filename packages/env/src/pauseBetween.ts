/**
 * Long work in short pieces: whoever does many small things in one go lets what waits come in between, or every request that
 * arrives meanwhile waits for all of it.
 */
import type { Clock } from './env.ts'

/** Pieces this long delay nobody noticeably. */
const pieceMsMin = 0.5

/**
 * Begins a piece of work. The function returned is called between two things; it resolves at once while the piece is short,
 * else after a pause, and the next piece begins. Where much waits, a pause takes long, and the next piece may take as long:
 * so half of the time is left to the work, and it keeps up with those who bring it.
 */
export function pauseBetween(clock: Clock): () => Promise<void> | undefined {
  let begunMs = clock.monotonicMs()
  let pieceMs = pieceMsMin

  async function pause(): Promise<void> {
    const pausedMs = clock.monotonicMs()
    await clock.sleep(0)
    begunMs = clock.monotonicMs()
    pieceMs = Math.max(pieceMsMin, begunMs - pausedMs)
  }

  return () => (clock.monotonicMs() - begunMs < pieceMs ? undefined : pause())
}
