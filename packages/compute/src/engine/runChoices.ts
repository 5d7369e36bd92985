/** Several answers to one prompt, each a job of the engine with a seed of its own, told as one stream; the prompt is computed once. COMPUTE §4.5 */
import { choiceSeed } from '@weightless/receipt'
import type { EngineEnd, EngineJob, EngineRun, EngineToken, ExactEngine } from './engine.ts'

export type ChoiceToken = EngineToken & { choice: number }

export type ChoicesRun = {
  count: number
  /** In order within each answer; the answers take turns as they come. */
  tokens: AsyncIterable<ChoiceToken>
  /** `keepTokens` cuts each answer there, and stops the engine. @throws {EngineFailedError} */
  end(keepTokens?: readonly number[]): Promise<EngineEnd[]>
  /** Nobody wants the rest; what fails while stopping has failed before. */
  stop(): Promise<void>
}

let groups = 0

/** @throws {EngineRefusedError} @throws {EngineFailedError} */
export async function runChoices(engine: ExactEngine, job: EngineJob, count: number): Promise<ChoicesRun> {
  const shared = count > 1 ? { ...job, group: `choices ${++groups}` } : job
  const starting = await Promise.allSettled(
    Array.from({ length: count }, (_, choice) => engine.start({ ...shared, seed: choiceSeed(job.seed, choice) })),
  )
  const runs = starting.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  const stop = async () => {
    await Promise.allSettled(runs.map((run) => run.end(0)))
  }
  const failed = starting.find((start) => start.status === 'rejected')
  if (failed) {
    await stop()
    throw failed.reason
  }
  return {
    count,
    tokens: mergeTokens(runs),
    end: (keepTokens) => Promise.all(runs.map((run, choice) => run.end(keepTokens?.[choice]))),
    stop,
  }
}

type Taken = { token: ChoiceToken; release(): void }

/** One token of each run waits here at most; the engine's own bound does the rest. */
async function* mergeTokens(runs: readonly EngineRun[]): AsyncGenerator<ChoiceToken> {
  const ready: Taken[] = []
  let open = runs.length
  let fault: { reason: unknown } | undefined
  let wake: (() => void) | undefined
  async function take(run: EngineRun, choice: number): Promise<void> {
    try {
      for await (const token of run.tokens) {
        const taken = Promise.withResolvers<void>()
        ready.push({ token: { ...token, choice }, release: taken.resolve })
        wake?.()
        await taken.promise
      }
    } catch (reason) {
      fault ??= { reason }
    }
    open--
    wake?.()
  }
  for (const [choice, run] of runs.entries()) void take(run, choice)
  for (;;) {
    const next = ready.shift()
    if (next) {
      yield next.token
      next.release()
    } else if (fault) throw fault.reason
    else if (open === 0) return
    else {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}
