/** What a miner needs of a store of sealed data, whatever keeps it. Spec: mining §3. */

/** Seals of one segment of the flow (1,024 sectors from a multiple of 1,024 on) that are kept here. */
export type SealedSegment = {
  /** 262,144 bytes; what `sealedMask` does not name means nothing. */
  sealed: Uint8Array
  /** Digest of the epoch under which each of the 64 seals was made, 32 bytes. */
  contextDigests: readonly (Uint8Array | undefined)[]
  /** One bit for each seal, bit 0 the first. */
  sealedMask: bigint
}

export type MinableSegments = {
  /** A power of two: this store keeps segments whose number is `shardId` modulo it. */
  numShard: number
  shardId: number
  /** Whether some of the segment may be sealed here; cheap, because it is asked for every nonce. */
  has(globalSegment: number): boolean
  readSealed(globalSegment: number): Promise<SealedSegment | undefined>
}

/** Siblings of the 16 sectors from `sector` on, up to `flowRoot`; undefined when it cannot be proved. */
export type ProveSeal = (sector: number, flowRoot: Uint8Array) => Promise<Uint8Array[] | undefined>
