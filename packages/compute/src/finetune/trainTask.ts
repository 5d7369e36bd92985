/**
 * One task from its begin to a trained adapter on the disk. After a crash its training goes on behind the last saved step, from each
 * step a bounded number of times. Spec: FINETUNING §2.2, §2.5.
 */
import type { Hex } from '@weightless/codec'
import { type FineTuningTask, heldWei } from './task.ts'
import { advance, type TaskContext } from './taskContext.ts'
import { readTrainingParameters } from './trainingParameters.ts'
import { TrainingFailedError, TrainingRefusedError, type TrainingSession } from './trainingWorker.ts'

/**
 * Resolves when the task is trained, or went another way. `signal` ends the training.
 * @throws {TrainingRefusedError} its user's doing; anything else may be tried again
 */
export async function trainTask(context: TaskContext, task: FineTuningTask, signal: AbortSignal): Promise<void> {
  const begun = task.progress === 'Init' ? await advance(context, task, 'SettingUp') : task
  if (!begun) return
  const opened = await openSession(context, begun)
  const { session } = opened
  const stop = () => void session.close()
  signal.addEventListener('abort', stop, { once: true })
  try {
    if (signal.aborted) return
    const ready = begun.progress === 'SettingUp' ? await setUp(context, begun, opened) : begun
    if (ready) await train(context, ready, opened, signal)
  } finally {
    signal.removeEventListener('abort', stop)
    await session.close()
  }
}

async function openSession(context: TaskContext, task: FineTuningTask): Promise<OpenedTask> {
  const read = readTrainingParameters(task.trainingParams)
  if (!read.ok) throw new TrainingRefusedError({ reason: read.detail ?? 'malformed parameters' })
  const { parameters, unused } = read.value
  if (task.progress === 'SettingUp' && unused.length > 0) {
    await context.journal.note(task.id, `parameters without effect here: ${unused.join(', ')}`)
  }
  const { examples, plainRoot } = await context.files.dataset(task)
  const session = await context.worker.open({ taskId: task.id, modelRoot: task.modelRoot, examples, parameters })
  return { session, plainRoot, seed: parameters.seed }
}

/** What is needed of the dataset when it is trained on. */
type OpenedTask = { session: TrainingSession; plainRoot: Hex; seed: number }

/** What it will cost is known here, and must be there. */
async function setUp(
  context: TaskContext,
  task: FineTuningTask,
  { session: { plan }, plainRoot }: OpenedTask,
): Promise<FineTuningTask | undefined> {
  const { trainedTokensMax } = context.limits
  if (plan.trainedTokens > trainedTokensMax) {
    throw new TrainingRefusedError({ reason: `${plan.trainedTokens} tokens to train on; at most ${trainedTokensMax}` })
  }
  const feeWei = task.weiPerToken * BigInt(plan.trainedTokens)
  const account = await context.chain.account(task.user)
  const held = context.store.listOf(task.user).reduce((sum, other) => sum + heldWei(other), 0n)
  const free = (account?.spendable ?? 0n) - held
  if (free < feeWei) {
    const reason = `the task costs ${feeWei} wei (${plan.trainedTokens} tokens); ${free} of the balance are free`
    throw new TrainingRefusedError({ reason })
  }
  const { rows, heldOutRows, steps, trainedTokens } = plan
  await context.journal.note(
    task.id,
    `${rows} rows to train on, ${heldOutRows} to measure by, ${steps} steps, ${trainedTokens} tokens, fee at most ${feeWei} wei`,
  )
  const deadlineSeconds = Math.floor((context.env.clock.nowMs() + context.limits.quoteMsMax) / 1000)
  const quote = await context.receipts.quote(task, { plainRoot, feeWei, deadlineSeconds })
  return advance(context, task, 'SetUp', { plan: { rows, heldOutRows, steps, trainedTokens, feeWei }, quote })
}

async function train(
  context: TaskContext,
  task: FineTuningTask,
  { session, plainRoot, seed }: OpenedTask,
  signal: AbortSignal,
): Promise<void> {
  const { env, journal, files, snapshots, receipts, limits } = context
  const saved = await snapshots.last(task.id)
  const resumedStep = saved?.step ?? 0
  const attempts = resumedStep > (task.resumedStep ?? 0) ? 1 : task.attempts + 1
  if (attempts > limits.attemptsMax) {
    throw new TrainingRefusedError({ reason: `training came no further in ${limits.attemptsMax} attempts` })
  }
  // Nothing could be signed for what comes out.
  if (task.quote && env.clock.nowMs() > Number(task.quote.authorization.deadline) * 1000) {
    throw new TrainingRefusedError({ reason: 'its quote had expired before it was trained' })
  }
  const running = await advance(context, task, 'Training', { attempts, resumedStep })
  if (!running || signal.aborted) return
  const result = await session.train({
    ...(saved && { resume: saved }),
    onBegin(step) {
      if (step === 0) return
      env.log.info('training resumed', { task: task.id, step })
      void journal.note(task.id, `goes on behind step ${step}, which was saved`)
    },
    onPoint: (point) => void journal.point(task.id, point),
    onSnapshot: (snapshot) => snapshots.save(task.id, snapshot),
  })
  if (result.adapter.length === 0) throw new TrainingFailedError({ reason: 'the worker gave no adapter' })
  const kept = await files.keepAdapter(running, result.adapter)
  // Never more than was said before.
  const trainedTokens = Math.min(result.trainedTokens, task.plan!.trainedTokens)
  if (result.states) await files.keepStates(running, result.states)
  const { base, tuned, proof } = result
  const { adapterRoot } = kept
  await receipts.issue(running, { seed, plainRoot, adapterRoot, trainedTokens, proof, nowMs: env.clock.nowMs() })
  await advance(context, running, 'Trained', {
    result: {
      ...kept,
      trainedTokens,
      feeWei: task.weiPerToken * BigInt(trainedTokens),
      ...(base && { base }),
      ...(tuned && { tuned }),
    },
  })
}
