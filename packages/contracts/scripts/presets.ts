/** Parameters of a deployment: the existing network's, and kinder ones for the devnet. */

export type Preset = {
  /** Which limits the compute contracts carry. */
  limits: 'upstream' | 'weightless'
  pricePerSectorWei: bigint
  /** 0: a root that was paid is charged again, as upstream does. */
  storageLifetimeSeconds: bigint
  blocksPerEpoch: bigint
  /** Sectors per pricing chunk of the reward pool. */
  chunkSectors: bigint
  /** How long a refund from a sub-account waits. */
  lockSeconds: bigint
  /** Share of a fine-tuning fee that is due for work which the user does not acknowledge. */
  penaltyPercent: bigint
  /** How long a user may contest a claimed job. */
  challengeSeconds: bigint
  /** How long a revoked session key stays good. */
  revokeDelaySeconds: bigint
}

const year = 31_536_000n

/** Turbo price of the existing network: 33 units, 12 months (storage.md 2.5); epochs and chunks as there (2.6, 1.1). */
const upstream: Preset = {
  limits: 'upstream',
  pricePerSectorWei: 30_733_644_962n,
  storageLifetimeSeconds: 0n,
  blocksPerEpoch: 3750n,
  chunkSectors: 1n << 25n,
  lockSeconds: 86_400n,
  penaltyPercent: 30n,
  challengeSeconds: 7200n,
  revokeDelaySeconds: 86_400n,
}

const weightless: Preset = {
  ...upstream,
  limits: 'weightless',
  storageLifetimeSeconds: year,
  blocksPerEpoch: 200n,
  chunkSectors: 1n << 20n,
  lockSeconds: 3600n,
  challengeSeconds: 600n,
  revokeDelaySeconds: 3600n,
}

export const presets = { upstream, weightless }
