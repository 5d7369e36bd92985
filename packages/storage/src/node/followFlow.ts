/**
 * Keeps the node's copy of the flow equal to the chain's: takes events in order, reads again where one is missing,
 * goes back where the chain did, and compares the flow root. Spec: storage §7.
 */
import { bytesToHex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { FlowChangedError, FlowGapError, type FlowLog } from './flowLog.ts'
import type { FlowSource } from './flowSource.ts'
import type { Submission } from './submission.ts'

export type FollowParts = {
  env: Pick<Env, 'clock' | 'log'>
  flow: FlowLog
  source: FlowSource
  /** No submission lies before it. */
  startBlock: number
  onSubmissions(fresh: readonly Submission[]): Promise<void>
}

export type FlowFollower = {
  /** False once our flow root has differed from the chain's, until they agree again. */
  agrees(): boolean
  /** Resolves when the loop has ended after `signal`. */
  ended: Promise<void>
}

const pauseMsMax = 30_000

export function followFlow(parts: FollowParts, signal: AbortSignal): FlowFollower {
  let agreeing = true
  const compare = async (): Promise<boolean> => {
    agreeing = await rootsAgree(parts)
    return agreeing
  }
  return { agrees: () => agreeing, ended: follow(parts, compare, signal) }
}

async function follow(parts: FollowParts, compare: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const { env, flow, source } = parts
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      // A log that was written for another chain, or for one that was rebuilt, is read again from the start.
      if (!(await isSameChain(parts)) || !(await compare())) {
        env.log.warn('the flow was another one and is read again', { submissions: flow.count() })
        await flow.revertTo(parts.startBlock - 1)
      }
      const from = Math.max(parts.startBlock, flow.headBlock() + 1)
      for await (const step of source.watch(from, signal)) {
        if ('revert' in step) {
          env.log.warn('flow taken back', { toBlock: step.revert })
          await flow.revertTo(step.revert)
          continue
        }
        const fresh = await flow.append(step.events, step.block)
        if (fresh.length === 0) continue
        attempt = 0
        await parts.onSubmissions(fresh)
        if (!(await compare())) env.log.error('flow root differs from the chain', { txSeq: flow.count() - 1 })
      }
    } catch (fault) {
      if (signal.aborted) return
      env.log.warn('following the flow was interrupted', { reason: fault instanceof Error ? fault.message : '' })
      if (fault instanceof FlowGapError) await flow.revertTo(lastBlockBefore(flow))
      if (fault instanceof FlowChangedError) await flow.revertTo(parts.startBlock - 1)
    }
    await env.clock.sleep(Math.min(pauseMsMax, 200 * 2 ** Math.min(attempt, 10)), signal).catch(() => undefined)
  }
}

/** The block of the newest submission is read again, in case the gap is in it. */
function lastBlockBefore(flow: FlowLog): number {
  const newest = flow.get(flow.count() - 1)
  return newest ? newest.blockNumber - 1 : -1
}

/** A chain that is shorter than what we have seen of it is not the one that we saw. */
async function isSameChain({ flow, source }: FollowParts): Promise<boolean> {
  const tip = await source.tip()
  return tip.block >= flow.headBlock() && tip.submissions >= flow.count()
}

/** A root that the chain does not keep counts as agreement. */
async function rootsAgree({ flow, source }: FollowParts): Promise<boolean> {
  const seq = flow.count() - 1
  const own = flow.rootAfter(seq)
  const theirs = own && (await source.rootAfter(seq))
  return theirs === undefined || theirs === bytesToHex(own!)
}
