/** Opens what answers for one training of the embedded trainer. */
import type { Env } from '@weightless/env'
import type { TrainingDefence } from './defence.ts'
import type { DefendInput, FromDefender } from './defendThread.ts'

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
