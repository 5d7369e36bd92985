/** What answers for one training in a dispute: one question at a time, until it is closed. */
import type { Env } from '@weightless/env'
import type { TrainingAnswer, TrainingQuestion } from '../../wire/trainingQuestions.ts'
import type { DefendInput, FromDefender } from './defendThread.ts'

export type TrainingDefence = {
  /** Undefined where there is nothing at that place. @throws when the thread breaks off */
  answer(question: TrainingQuestion): Promise<TrainingAnswer | undefined>
  close(): Promise<void>
}

/** In a thread of its own. */
export function openDefence({ tasks }: Pick<Env, 'tasks'>, input: DefendInput): TrainingDefence {
  const port = tasks.open(new URL('./defendThread.ts', import.meta.url), input)
  const messages = port.messages[Symbol.asyncIterator]() as AsyncIterator<FromDefender>
  return {
    async answer(question) {
      port.send(question)
      const said = await messages.next()
      return said.done ? undefined : said.value.answer
    },
    close: () => port.close(),
  }
}
