/**
 * Disputes over trainings that are under way at a provider: one at a time, since each may train for as long as the training took. A question that
 * takes long goes on by itself, and is asked for again. Spec: spec/dispute.md §14.5
 */
import type { Clock, Log } from '@weightless/env'
import type { TrainingAnswer, TrainingQuestion } from '../../wire/trainingQuestions.ts'
import type { TrainingDefence } from './defence.ts'

export type DefenceDesk = {
  /** @param open - called when no defence of this key is under way */
  ask(key: string, question: TrainingQuestion, open: () => Promise<TrainingDefence>): Promise<DeskAnswer>
  close(): Promise<void>
}

export type DeskAnswer =
  | { state: 'answered'; answer: TrainingAnswer | undefined }
  /** It is being worked out: the same question again later. */
  | { state: 'working' }
  /** Another dispute is under way. */
  | { state: 'busy' }
  | { state: 'failed' }

export type DeskLimits = {
  /** For which one request waits. */
  waitMs: number
  /** After which a question is given up, and the defence with it. */
  answerMsMax: number
  /** After which a defence that nobody asks is ended. */
  idleMsMax: number
  /** After which one that nobody asks gives its place to another. */
  yieldMs: number
}

export const deskDefaults: DeskLimits = {
  waitMs: 20_000,
  answerMsMax: 24 * 3_600_000,
  idleMsMax: 300_000,
  yieldMs: 5_000,
}

type Working = { text: string; answer: Promise<DeskAnswer>; isDone: boolean }
type Open = {
  key: string
  defence: Promise<TrainingDefence>
  working: Working | undefined
  askedAtMs: number
  timer: AbortController
}

export function createDefenceDesk(
  { clock, log }: { clock: Clock; log: Log },
  limits: DeskLimits = deskDefaults,
): DefenceDesk {
  let place: Open | undefined

  async function drop(open: Open): Promise<void> {
    if (place === open) place = undefined
    open.timer.abort()
    await open.defence.then((defence) => defence.close()).catch(() => undefined)
  }

  /** Ends it when nothing more comes, or a question never ends. */
  function watch(open: Open): void {
    open.timer.abort()
    open.timer = new AbortController()
    const isWorking = open.working !== undefined && !open.working.isDone
    clock.sleep(isWorking ? limits.answerMsMax : limits.idleMsMax, open.timer.signal).then(
      () => drop(open),
      () => undefined,
    )
  }

  async function enter(key: string, begin: () => Promise<TrainingDefence>): Promise<Open | undefined> {
    if (place && place.key !== key) {
      const rests = !place.working || place.working.isDone
      if (!rests || clock.monotonicMs() - place.askedAtMs < limits.yieldMs) return undefined
      await drop(place)
    }
    // Another may have entered meanwhile.
    if (place) return place.key === key ? place : undefined
    place = { key, defence: begin(), working: undefined, askedAtMs: 0, timer: new AbortController() }
    return place
  }

  function work(open: Open, text: string, question: TrainingQuestion): Working {
    const working: Working = { text, isDone: false, answer: answerFrom(open, question) }
    void working.answer.then((said) => {
      working.isDone = true
      if (said.state === 'failed') void drop(open)
      else if (place === open) watch(open)
    })
    return working
  }

  async function answerFrom(open: Open, question: TrainingQuestion): Promise<DeskAnswer> {
    try {
      return { state: 'answered', answer: await (await open.defence).answer(question) }
    } catch (fault) {
      log.warn('training not defended', { reason: fault instanceof Error ? fault.message : String(fault) })
      return { state: 'failed' }
    }
  }

  return {
    async ask(key, question, begin) {
      const text = JSON.stringify(question)
      const open = await enter(key, begin)
      if (!open) return { state: 'busy' }
      if (open.working && !open.working.isDone && open.working.text !== text) return { state: 'busy' }
      if (open.working?.text !== text) open.working = work(open, text, question)
      open.askedAtMs = clock.monotonicMs()
      watch(open)
      const over = new AbortController()
      const late = clock.sleep(limits.waitMs, over.signal).then(
        (): DeskAnswer => ({ state: 'working' }),
        (): DeskAnswer => ({ state: 'working' }),
      )
      const said = await Promise.race([open.working.answer, late])
      over.abort()
      return said
    },
    close: async () => {
      if (place) await drop(place)
    },
  }
}
