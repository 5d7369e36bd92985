/**
 * Long work in short pieces: whoever does many small things in one go lets what waits come in between, or every request that
 * arrives meanwhile waits for all of it.
 */
import type { Clock } from './env.ts'

/** Pieces this long delay nobody noticeably, and a pause after each costs little beside them. */
const pieceMs = 0.5

/**
 * Begins a piece of work. The function returned is called between two things; it resolves at once while the piece is short,
 * else after a pause, and the next piece begins.
 */
export function pauseBetween(clock: Clock): () => Promise<void> | undefined {
  let begunMs = clock.monotonicMs()

  async function pause(): Promise<void> {
    await clock.sleep(0)
    begunMs = clock.monotonicMs()
  }

  return () => (clock.monotonicMs() - begunMs < pieceMs ? undefined : pause())
}
