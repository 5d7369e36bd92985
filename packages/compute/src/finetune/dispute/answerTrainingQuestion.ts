/** Answers a question about a run from what is kept of it, or made again. Spec: spec/dispute.md §14.5 */
import { openTrainingParty, type TrainingParty } from '@weightless/dispute'
import type { TrainingAnswer, TrainingQuestion } from '../../wire/trainingQuestions.ts'
import type { TrainingReplay } from './replayTraining.ts'

/** @returns what answers questions; undefined where there is nothing at that place */
export function createAnswerer({ job, record }: Pick<TrainingReplay, 'job' | 'record'>) {
  const { root, party } = openTrainingParty(record)
  return async (question: TrainingQuestion): Promise<TrainingAnswer | undefined> => {
    if (question.ask === 'run') return { kind: 'root', root, leaves: job.steps + 1 }
    if (question.ask === 'trace') {
      if (question.step >= job.steps) return undefined
      const leaves = job.planAt(question.step).tables.length
      const trace = await party.traceRoot(question.step)
      return trace && { kind: 'root', root: trace, leaves }
    }
    return answerPart(party, question)
  }
}

async function answerPart(
  party: TrainingParty,
  question: Exclude<TrainingQuestion, { ask: 'run' | 'trace' }>,
): Promise<TrainingAnswer | undefined> {
  switch (question.ask) {
    case 'states': {
      const hashes = await party.runHashes(question.level, question.index)
      return hashes && { kind: 'hashes', hashes }
    }
    case 'state': {
      const state = await party.state(question.steps)
      return state && { kind: 'state', ...state }
    }
    case 'opening': {
      const opening = await party.opening(question.steps)
      return opening && { kind: 'opening', ...opening }
    }
    case 'tables': {
      const hashes = await party.traceHashes(question.step, question.level, question.index)
      return hashes && { kind: 'hashes', hashes }
    }
    case 'table': {
      const table = await party.table(question.step, question.table)
      return table && { kind: 'table', ...table }
    }
    case 'chunk': {
      const bytes = await party.chunk(question.step, question.table, question.chunk)
      return bytes && { kind: 'chunk', bytes }
    }
  }
}
