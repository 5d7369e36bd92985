/** Answers for one training, inside a thread: trains up to the step in question again, and makes its trace. */
import type { TaskPort } from '@weightless/env'
import type { TrainingAnswer, TrainingQuestion } from '../../wire/trainingQuestions.ts'
import type { TrainingJob } from '../trainingWorker.ts'
import { createAnswerer } from './answerTrainingQuestion.ts'
import { replayTraining } from './replayTraining.ts'

export type DefendInput = {
  weights: Uint8Array
  job: Pick<TrainingJob, 'examples' | 'parameters'>
  states: Uint8Array | undefined
}

export type FromDefender = { answer: TrainingAnswer | undefined }

/** The worker's main: see `Tasks.open`. Each message is a question, and each is answered before the next is read. */
export default async function serveDefence(port: TaskPort, input: unknown): Promise<void> {
  const { weights, job, states } = input as DefendInput
  const answer = createAnswerer(await replayTraining(weights, job, states))
  for await (const question of port.messages) {
    port.send({ answer: await answer(question as TrainingQuestion) } satisfies FromDefender)
  }
}
