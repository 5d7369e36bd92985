/** What hashes whole segments and rows of pairs. */
export type KeccakEngine = {
  /**
   * Roots of the perfect trees, largest first, into which `sectors` (1 to 1024) sectors split, 32 bytes each into
   * `target`. Zeros follow `data` where it is shorter than the sectors; it is never longer.
   */
  sectorTrees(data: Uint8Array, sectors: number, target: Uint8Array): void
  /** Hashes `pairs` neighbouring pairs of the hashes laid end to end in `hashes` into `target`. */
  hashPairs(hashes: Uint8Array, pairs: number, target: Uint8Array): void
}
