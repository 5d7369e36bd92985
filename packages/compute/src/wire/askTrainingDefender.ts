/** A trainer's side of a dispute as the accuser sees it: each question is one request. Spec: spec/dispute.md §14.5 */
import { bytesToHex, type Hex } from '@weightless/codec'
import type { TrainingDefender, TrainingJob } from '@weightless/dispute'
import type { TrainingBundle } from '@weightless/receipt/training'
import { isTrainingRootSigned, type TrainingRoot } from '@weightless/receipt/trainingRoot'
import { readTrainingAnswer, type TrainingQuestion } from './trainingQuestions.ts'

export type SignedTrainingRoot = TrainingRoot & { signature: Hex }

/** @param send - resolves to the JSON of a 200, or to undefined: the trainer does not answer */
export function askTrainingDefender(
  { receipt, opening, settlement }: TrainingBundle,
  job: TrainingJob,
  send: (body: { salt: Hex; question: TrainingQuestion }) => Promise<unknown>,
): { defender: TrainingDefender; asked: () => number; signed: () => SignedTrainingRoot[] } {
  let count = 0
  const signed: SignedTrainingRoot[] = []
  const ask = (question: TrainingQuestion) => {
    count++
    return send({ salt: opening.salt, question })
  }
  /** A root that nobody signed, or of a tree of another size than the job has, is nobody's word. */
  const askRoot = async (question: TrainingQuestion, place: number, leaves: number) => {
    const answer = readTrainingAnswer('root', await ask(question))
    if (!answer) return undefined
    const word = { place, leaves, root: bytesToHex(answer.root) }
    if (!isTrainingRootSigned(receipt, word, settlement, answer.signature)) return undefined
    signed.push({ ...word, signature: answer.signature })
    return answer.root
  }
  const defender: TrainingDefender = {
    runRoot: () => askRoot({ ask: 'run' }, 0, job.steps + 1),
    traceRoot: (step) => askRoot({ ask: 'trace', step }, step + 1, job.planAt(step).tables.length),
    runHashes: async (level, index) => readTrainingAnswer('hashes', await ask({ ask: 'states', level, index }))?.hashes,
    state: async (steps) => readTrainingAnswer('state', await ask({ ask: 'state', steps })),
    opening: async (steps) => readTrainingAnswer('opening', await ask({ ask: 'opening', steps })),
    traceHashes: async (step, level, index) =>
      readTrainingAnswer('hashes', await ask({ ask: 'tables', step, level, index }))?.hashes,
    table: async (step, table) => readTrainingAnswer('table', await ask({ ask: 'table', step, table })),
    chunk: async (step, table, chunk) =>
      readTrainingAnswer('chunk', await ask({ ask: 'chunk', step, table, chunk }))?.bytes,
  }
  return { defender, asked: () => count, signed: () => signed }
}
