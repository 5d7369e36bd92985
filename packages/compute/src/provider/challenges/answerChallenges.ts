/**
 * Follows what the provider is asked on chain and answers there, one question after the other: silence would cost its
 * stake. Spec: spec/dispute.md §13
 */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { answerQuestion } from './answerQuestion.ts'
import type { ChallengeParts, KeepOne } from './challengeParts.ts'

export type ChallengeWatch = { close(): Promise<void> }

/** Blocks before the start in which a question may have been asked that still waits. */
const blocksBefore = 20_000n
const attemptsMax = 20
const retryMs = 3_000

export function answerChallenges(parts: ChallengeParts): ChallengeWatch {
  const { context, ledger, disputeGame } = parts
  const { clock, log } = context.env
  const stop = new AbortController()
  const { signal } = stop
  let kept: string | undefined
  const keep: KeepOne = (key) => {
    const { engine } = context
    if (kept !== undefined && kept !== key && engine.kind === 'exact') engine.forgetDispute?.(kept)
    kept = key
  }

  async function follow(): Promise<void> {
    const head = await untilAnswered(() => ledger.blockNumber())
    const fromBlock = head > blocksBefore ? head - blocksBefore : 0n
    const watched = { address: disputeGame, abi: abis.disputeGame, fromBlock, eventNames: ['Asked'] }
    for await (const step of ledger.watch(watched, signal)) {
      if ('revert' in step) continue
      const own = new Set<Hex>()
      for (const event of step.events) {
        if (event.eventName !== 'Asked' || event.args.provider.toLowerCase() !== context.address) continue
        own.add(event.args.gameId)
      }
      for (const gameId of own) await answerGame(gameId)
    }
  }

  /** Tries again: the node may be away, the engine busy. */
  async function answerGame(gameId: Hex): Promise<void> {
    for (let attempt = 1; attempt <= attemptsMax && !signal.aborted; attempt++) {
      try {
        const answered = await answerQuestion(parts, gameId, keep)
        if (answered) log.info('challenge answered', { gameId, question: answered })
        return
      } catch (fault) {
        signal.throwIfAborted()
        log.warn('challenge not answered yet', { gameId, attempt, reason: String(fault) })
        await clock.sleep(retryMs, signal)
      }
    }
    log.error('challenge not answered', { gameId, hint: 'The provider loses stake when the time is over.' })
  }

  async function untilAnswered<Value>(ask: () => Promise<Value>): Promise<Value> {
    for (;;) {
      try {
        return await ask()
      } catch (fault) {
        signal.throwIfAborted()
        log.warn('chain not reached', { reason: String(fault) })
        await clock.sleep(retryMs, signal)
      }
    }
  }

  const done = follow().catch((fault) => {
    if (!signal.aborted) log.error('challenges are not followed', { reason: String(fault) })
  })
  return {
    async close() {
      stop.abort()
      await done
    },
  }
}
