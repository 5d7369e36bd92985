/** What answers for one training in a dispute. */
import type { TrainingAnswer, TrainingQuestion } from '../../wire/trainingQuestions.ts'

/** One question at a time, until it is closed. */
export type TrainingDefence = {
  /** Undefined where there is nothing at that place. @throws when the thread breaks off */
  answer(question: TrainingQuestion): Promise<TrainingAnswer | undefined>
  close(): Promise<void>
}
