/** Parameters of a deployment: the existing network's, and kinder ones for the devnet. */

export type Preset = {
  /** Which limits the compute contracts carry. */
  limits: 'upstream' | 'weightless'
  pricePerSectorWei: bigint
  /** 0: a root that was paid is charged again, as upstream does. */
  storageLifetimeSeconds: bigint
  blocksPerEpoch: bigint
  /** Epochs that one call closes one by one; those before are skipped. */
  epochsPerCallMax: bigint
  /** Sectors per pricing chunk of the reward pool. */
  chunkSectors: bigint
  /** How long a full chunk's fees take to be released. */
  releaseSeconds: bigint
  mine: {
    /** Bits: 1 data is not sealed, 2 data is not proven, 4 the difficulty stays. */
    settings: bigint
    /** Qualities that are tried on average for one answer. */
    difficulty: bigint
    /** Length of a subtask's window in blocks. */
    targetMineBlocks: bigint
    /** Answers per epoch that the difficulty aims at. */
    targetSubmissions: bigint
    maxShards: bigint
    nSubtasks: bigint
    /** Blocks between the starts of two subtasks. */
    subtaskInterval: bigint
  }
  /** How long a refund from a sub-account waits. */
  lockSeconds: bigint
  /** Share of a fine-tuning fee that is due for work which the user does not acknowledge. */
  penaltyPercent: bigint
  /** How long a delivered model waits for its user; 0: for ever. */
  acknowledgeSeconds: bigint
  /** Share of an inference provider's stake that a fault costs, in percent; undefined: nothing, and stakes go back at once. */
  faultPercent: bigint | undefined
  /** How long an upgrade is announced before it can be carried out. */
  upgradeDelaySeconds: bigint
  /** How long a user may contest a claimed job. */
  challengeSeconds: bigint
  /** How long a revoked session key stays good. */
  revokeDelaySeconds: bigint
  /** Stake that sets priority: how long it waits to be unlocked, and how much makes one ticket more. */
  priority: { unlockSeconds: bigint; ticketWei: bigint }
  /** What a challenger puts up who asks a provider on chain, and how long each move may take. */
  disputeBondWei: bigint
  answerSeconds: bigint
  /** How long rejected work of the job board waits for a decision. */
  resolveSeconds: bigint
  /** How long a provider's key in trusted hardware is taken for attested after its quote was made; undefined: hardware is not verified. */
  teeKeyFreshSeconds: bigint | undefined
  /** Rounds of audits, as `AuditRules`, and what a licence to audit costs; undefined: nobody is audited. */
  audits: AuditPreset | undefined
}

type AuditPreset = {
  rules: {
    roundSeconds: bigint
    workSeconds: bigint
    openSeconds: bigint
    contestSeconds: bigint
    auditorsPerTarget: number
    quorum: number
    slashPercent: number
    restRounds: number
    bondWei: bigint
    missWei: bigint
    findingWei: bigint
  }
  licence: { priceWei: bigint; licencesMax: bigint; boundSeconds: bigint; noticeSeconds: bigint }
}

const ether = 10n ** 18n
const year = 31_536_000n

/** Turbo price of the existing network: 33 units, 12 months of 31 days; epochs, chunks and mining as there. */
const upstream: Preset = {
  limits: 'upstream',
  pricePerSectorWei: 30_733_644_962n,
  storageLifetimeSeconds: 0n,
  blocksPerEpoch: 3750n,
  epochsPerCallMax: 32n,
  chunkSectors: 1n << 25n,
  releaseSeconds: 12n * 31n * 86_400n,
  mine: {
    settings: 0n,
    difficulty: 1_000_000n,
    targetMineBlocks: 750n,
    targetSubmissions: 100n,
    maxShards: 256n,
    nSubtasks: 4n,
    subtaskInterval: 800n,
  },
  lockSeconds: 86_400n,
  penaltyPercent: 30n,
  acknowledgeSeconds: 0n,
  faultPercent: undefined,
  upgradeDelaySeconds: 2n * 86_400n,
  challengeSeconds: 7200n,
  revokeDelaySeconds: 86_400n,
  priority: { unlockSeconds: 7n * 86_400n, ticketWei: 10n * ether },
  disputeBondWei: ether,
  answerSeconds: 7200n,
  resolveSeconds: 3n * 86_400n,
  teeKeyFreshSeconds: undefined,
  audits: undefined,
}

/**
 * Made for a chain on one machine, with a block a second while somebody looks on: a file is mined from its next epoch
 * on, some 20 s later, and earns as soon as it fills a chunk of one segment. An epoch is one window for all miners.
 */
const weightless: Preset = {
  ...upstream,
  limits: 'weightless',
  storageLifetimeSeconds: year,
  blocksPerEpoch: 20n,
  epochsPerCallMax: 2n,
  chunkSectors: 1n << 10n,
  releaseSeconds: 3600n,
  mine: {
    settings: 0n,
    difficulty: 20_000n,
    targetMineBlocks: 20n,
    targetSubmissions: 4n,
    maxShards: 256n,
    nSubtasks: 1n,
    subtaskInterval: 1n,
  },
  lockSeconds: 3600n,
  acknowledgeSeconds: 86_400n,
  faultPercent: 50n,
  upgradeDelaySeconds: 60n,
  challengeSeconds: 600n,
  revokeDelaySeconds: 3600n,
  priority: { unlockSeconds: 3600n, ticketWei: ether / 10n },
  disputeBondWei: ether,
  answerSeconds: 600n,
  resolveSeconds: 3600n,
  teeKeyFreshSeconds: 86_400n,
  audits: {
    rules: {
      roundSeconds: 120n,
      workSeconds: 85n,
      openSeconds: 20n,
      contestSeconds: 60n,
      auditorsPerTarget: 2,
      quorum: 2,
      slashPercent: 10,
      restRounds: 10,
      bondWei: ether,
      missWei: ether / 20n,
      findingWei: ether / 1000n,
    },
    licence: { priceWei: ether / 10n, licencesMax: 10_000n, boundSeconds: year, noticeSeconds: 7n * 86_400n },
  },
}

export const presets = { upstream, weightless }
