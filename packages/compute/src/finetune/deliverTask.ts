/**
 * A trained task on its way to its user and to its pay: encrypted, stored, on chain, acknowledged, settled. Each step can be
 * repeated after a crash: before anything is sent, the chain is asked what is there already. Spec: FINETUNING §2.3.
 */
import { TransactionRevertedError } from '@weightless/ledger'
import type { ChainDeliverable } from './fineTuningChain.ts'
import { type FineTuningTask, isOver } from './task.ts'
import { advance, type TaskContext } from './taskContext.ts'

/** One step; whether it moved. @throws {LedgerUnreachableError} and the storage network's: try again */
export async function deliverTask(context: TaskContext, task: FineTuningTask): Promise<boolean> {
  switch (task.progress) {
    case 'Trained':
      return (await advance(context, task, 'Delivering', { delivery: await context.files.seal(task) })) !== undefined
    case 'Delivering':
      return deliver(context, task)
    case 'Delivered':
      return awaitAcknowledgement(context, task)
    case 'UserAcknowledged':
      return settle(context, task)
    default:
      return false
  }
}

async function deliver(context: TaskContext, task: FineTuningTask): Promise<boolean> {
  const { chain, files, store, env } = context
  const root = task.delivery!.root
  const found = await chain.deliverable(task.user, task.id)
  if (found) return isMoved(advance(context, task, 'Delivered', { deliveredAtMs: env.clock.nowMs() }))
  // The contract takes one unacknowledged delivery of a user at a time.
  if (store.listOf(task.user).some(({ progress }) => progress === 'Delivered')) return false
  const account = await chain.account(task.user)
  if ((account?.spendable ?? 0n) < task.result!.feeWei) return giveUpLate(context, task, 'the balance is gone')
  await files.publish(task)
  try {
    await chain.addDeliverable(task.user, task.id, root)
  } catch (fault) {
    if (!isRevert(fault)) throw fault
    // Such as a delivery of ours that the log does not know, from before a restored backup.
    return giveUpLate(context, task, `the chain refuses the delivery (${fault.reason.errorName ?? 'no reason'})`)
  }
  return isMoved(advance(context, task, 'Delivered', { deliveredAtMs: env.clock.nowMs() }))
}

async function awaitAcknowledgement(context: TaskContext, task: FineTuningTask): Promise<boolean> {
  const { chain, env, limits } = context
  const found = await chain.deliverable(task.user, task.id)
  if (!found) return fail(context, task, 'the delivery is no longer on the chain')
  if (found.acknowledged) return isMoved(advance(context, task, 'UserAcknowledged'))
  if (found.settled) return fail(context, task, notAcknowledged)
  if (env.clock.nowMs() - task.deliveredAtMs! < limits.acknowledgeMsMax) return false
  return giveUp(context, task)
}

/** So that the user's next delivery can come: the penalty share where there is money, nothing where there is none. */
async function giveUp(context: TaskContext, task: FineTuningTask): Promise<boolean> {
  const { chain } = context
  try {
    const paidWei = await pay(context, task, '0x')
    return fail(context, task, notAcknowledged, { paidWei })
  } catch (fault) {
    if (!isRevert(fault)) throw fault
    // She acknowledged just now: look again.
    const found = await chain.deliverable(task.user, task.id)
    if (!found || found.acknowledged || found.settled) return false
    // The contract gives her longer than we do.
    if (fault.reason.errorName === 'AcknowledgementPending') return false
    await chain.abandon(task.user, task.id)
    return fail(context, task, notAcknowledged, { paidWei: 0n })
  }
}

async function settle(context: TaskContext, task: FineTuningTask): Promise<boolean> {
  const { chain, files } = context
  const found = await chain.deliverable(task.user, task.id)
  if (!found) return fail(context, task, 'the delivery is no longer on the chain')
  // Settled by this service before it was killed.
  if (found.settled) return finish(context, task, found)
  try {
    const paidWei = await pay(context, task, files.secretOf(task))
    return isMoved(advance(context, task, 'Finished', { paidWei }))
  } catch (fault) {
    if (!isRevert(fault)) throw fault
    context.env.log.warn('settlement of a task refused', { task: task.id, reason: fault.reason.text })
    return giveUpLate(context, task, 'the fee could not be drawn, so the key stays shut')
  }
}

function finish(context: TaskContext, task: FineTuningTask, { acknowledged }: ChainDeliverable): Promise<boolean> {
  if (!acknowledged) return fail(context, task, notAcknowledged)
  return isMoved(advance(context, task, 'Finished', { paidWei: task.result!.feeWei }))
}

async function pay({ chain, env }: TaskContext, task: FineTuningTask, encryptedSecret: `0x${string}`): Promise<bigint> {
  const { user, id, delivery, result } = task
  const account = await chain.account(user)
  const byClock = BigInt(env.clock.nowMs()) * 10_000n
  const used = account?.nonce ?? 0n
  const nonce = byClock > used ? byClock : used + 1n
  return chain.settle({ user, id, root: delivery!.root, encryptedSecret, feeWei: result!.feeWei, nonce })
}

/** Waits for the user as long as for an acknowledgement, then lets the task go, on the chain too. */
async function giveUpLate(context: TaskContext, task: FineTuningTask, reason: string): Promise<boolean> {
  const { chain, env, limits } = context
  if (env.clock.nowMs() - task.updatedAtMs < limits.acknowledgeMsMax) return false
  const found = await chain.deliverable(task.user, task.id)
  if (found && !found.settled) await chain.abandon(task.user, task.id)
  return fail(context, task, reason)
}

function fail(
  context: TaskContext,
  task: FineTuningTask,
  failure: string,
  found: Partial<FineTuningTask> = {},
): Promise<boolean> {
  return isMoved(advance(context, task, 'Failed', { ...found, failure }))
}

/** A step is worth another look at once only while the task is not over. */
async function isMoved(moving: Promise<FineTuningTask | undefined>): Promise<boolean> {
  const moved = await moving
  return moved !== undefined && !isOver(moved)
}

const isRevert = (fault: unknown): fault is TransactionRevertedError => fault instanceof TransactionRevertedError

const notAcknowledged = 'its user did not acknowledge the delivery in time'
