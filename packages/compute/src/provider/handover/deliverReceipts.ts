/** Brings the receipts of the last jobs to whichever process owns the log now: the one that took over, another after it, or, if there is none, this one again. COMPUTE §12.2 */
import type { Env } from '@weightless/env'
import type { Deliver, MovableLog } from '../../settlement/movableLog.ts'
import { handoverPaths, writeReceipt } from './handoverWire.ts'

export type LogOwners = {
  /** Where the process is that has the folder now; undefined where nobody says so. */
  findControlUrl(): string | undefined
  /** Takes the folder's lock. @throws when a living process has it */
  takeFolder(): void
}

export type Delivery = {
  env: Pick<Env, 'network' | 'clock' | 'log'>
  token: string
  owners: LogOwners
  log: MovableLog
  /** Resolves when it is certain that the other process has taken over, or has not. */
  decided(): Promise<void>
  /** Nobody waits any more. */
  stop: AbortSignal
}

const retryMs = 200
const answerMs = 10_000

/** Tries for as long as this process runs: the last bytes of an answer wait until its receipt is durable. */
export function createDelivery(delivery: Delivery): Deliver {
  const { env, owners, log, stop } = delivery
  /** One at a time: several jobs may end at once. */
  let becoming: Promise<boolean> | undefined
  const becomeOwner = (): Promise<boolean> => {
    becoming ??= takeLogBack(delivery).finally(() => {
      becoming = undefined
    })
    return becoming
  }
  return async function deliver(record, job) {
    const body = writeReceipt({ record, job })
    await delivery.decided()
    for (;;) {
      if (!log.isGone()) return log.addReceipt(record, job)
      const controlUrl = owners.findControlUrl()
      if (controlUrl !== undefined && (await post(delivery, controlUrl, handoverPaths.receipt, body))) return
      if (await becomeOwner()) continue
      await env.clock.sleep(retryMs, stop)
    }
  }
}

async function takeLogBack({ env, owners, log }: Delivery): Promise<boolean> {
  try {
    owners.takeFolder()
  } catch (fault) {
    env.log.debug('log is another process’s', { reason: String(fault) })
    return false
  }
  env.log.warn('log taken back: the process that took over is gone')
  await log.takeBack()
  return true
}

/** Whether it was taken. */
export async function post(
  { env, token }: Pick<Delivery, 'env' | 'token'>,
  controlUrl: string,
  path: string,
  body: string,
): Promise<boolean> {
  try {
    const answer = await env.network.fetch(`${controlUrl}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
      timeoutMs: answerMs,
    })
    const text = await answer.text(65_536)
    if (answer.status === 200) return true
    env.log.warn('successor refuses', { path, status: answer.status, text: text.slice(0, 200) })
  } catch (fault) {
    env.log.warn('successor does not answer', { path, reason: String(fault) })
  }
  return false
}
