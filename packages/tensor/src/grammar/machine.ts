/** A language of bytes as a deterministic machine whose states are made as they are met. Every state leads to an end. */
export type Machine = {
  readonly id: string
  readonly start: string
  /** Undefined where no text goes on so. */
  step(state: string, byte: number): string | undefined
  isEnd(state: string): boolean
}
