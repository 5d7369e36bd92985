/**
 * A faster coder than the WebAssembly kernel, through a port: an environment that has one (`packages/crypto/native`)
 * installs it once with `setCoderEngine`. It gives the same bytes; small codes and the check of rows go through it.
 */
export type CoderEngine = {
  /**
   * `targets[t]` = the sum over s of factor (t, s) times `sources[s]`; at most 512 rows, all of one length, a multiple of 64.
   * @param products 16 for each factor, those of (t, s) at `16 * (t * sources.length + s)`: with 1, 2, 4, … 2^15
   */
  multiplyRows(sources: readonly Uint8Array[], products: Uint16Array, targets: readonly Uint8Array[]): void
  /**
   * 16 bytes for each of at most 512 rows: its combination under the challenge γ, 8 symbols.
   * @param exponents, logarithms the field's tables, 65,536 entries each
   */
  combineRows(
    rows: readonly Uint8Array[],
    challenge: Uint16Array,
    exponents: Uint16Array,
    logarithms: Uint16Array,
    combinations: Uint8Array,
  ): void
  /** SHA-256 of a zero byte and the row, for two rows of one length, into 64 bytes. */
  leafPair(a: Uint8Array, b: Uint8Array, hashes: Uint8Array): void
}

let engine: CoderEngine | undefined

/** `undefined` (the default) leaves everything to WebAssembly. */
export function setCoderEngine(next: CoderEngine | undefined): void {
  engine = next
}

export function coderEngine(): CoderEngine | undefined {
  return engine
}

/** Rows that the engine takes at once. */
export const engineRowsMax = 512

/** Products up to which multiplying beats the transforms, and rows up to which the engine takes them. */
export function suitsEngine(sources: number, targets: number): boolean {
  return sources <= engineRowsMax && targets <= engineRowsMax && sources * targets <= 4096
}
