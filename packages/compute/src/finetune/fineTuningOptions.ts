/** What an operator of a fine-tuning provider may set, with defaults. */
import { z } from 'zod'

export const fineTuningLimitsSchema = z.object({
  /** Tasks that wait for training or train, of all users. */
  queueMax: z.int().min(1).default(64),
  /** Unfinished tasks of one user. */
  perUserMax: z.int().min(1).default(4),
  /** Finished and failed tasks that are remembered, of all users; the oldest are forgotten first. */
  rememberedMax: z.int().min(1).default(1_000),
  /** Bytes of a dataset. */
  datasetBytesMax: z
    .int()
    .min(1_024)
    .default(32 * 1024 * 1024),
  /** Bytes of uploaded datasets on the disk; the ones that no waiting task needs go first. */
  uploadedBytesMax: z
    .int()
    .min(1_024)
    .default(1024 * 1024 * 1024),
  /** Uploads that arrive at once. */
  uploadsMax: z.int().min(1).default(2),
  /** Tokens that one task may train on. */
  trainedTokensMax: z.int().min(1).default(50_000_000),
  /** Pause between two saves of a running training. */
  saveMs: z.int().min(0).default(10_000),
  /** Bytes of a saved training; a larger one is not saved. */
  saveBytesMax: z
    .int()
    .min(0)
    .default(256 * 1024 * 1024),
  /** Times that a task's training is begun from the same step, after a crash or a fault that was not the user's. */
  attemptsMax: z.int().min(1).default(3),
  /** Time for training, from its begin. */
  trainMsMax: z
    .int()
    .min(1)
    .default(24 * 3_600_000),
  /** How long after its plan a task may be answered: the quote's deadline, which it signs. */
  quoteMsMax: z
    .int()
    .min(1_000)
    .default(7 * 24 * 3_600_000),
  /** How long after a task its dataset is kept, so that a dispute over it can be answered. */
  disputeMsMax: z
    .int()
    .min(0)
    .default(7 * 24 * 3_600_000),
  /** A dispute that rests so long gives its place to another. */
  disputeYieldMs: z.int().min(0).default(5_000),
  /** A delivery that its user does not acknowledge within this time is given up: the penalty share is due, the key stays shut. */
  acknowledgeMsMax: z
    .int()
    .min(1)
    .default(24 * 3_600_000),
  /** How often the chain is asked whether deliveries were acknowledged, while there are any. */
  lookMs: z.int().min(1).default(2_000),
  /** Pause after a fault of chain or storage. */
  retryMs: z.int().min(1).default(5_000),
})

export type FineTuningLimits = z.infer<typeof fineTuningLimitsSchema>
