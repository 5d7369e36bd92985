/** Users who have their money back. */
import type { Hex } from '@weightless/codec'

/** Users with a consent, or about to get one; in the log as well, so that a restart forgets none. */
export type LeavingUsers = {
  /** False when one is being made already. */
  begin(user: Hex): boolean
  end(user: Hex): void
  has(user: Hex): boolean
}
