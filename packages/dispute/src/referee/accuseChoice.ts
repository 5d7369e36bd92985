/** What is shown of a choice under a mask: the logits, which are agreed, and the tokens of the answer so far. Spec: spec/dispute.md §7.6 */
import { wordBytes } from '../numbers/words.ts'
import { type Accused, type Execution, silent } from './accused.ts'
import type { JobCommitment } from './jobCommitment.ts'
import { operatorsOf, planStep } from './judge.ts'
import type { StepOpening } from './stepOpening.ts'

/** @param step - the first that differs, and there in nothing but `sample` */
export async function accuseChoice(
  job: JobCommitment,
  own: Execution,
  step: StepOpening,
  ask: (position: number) => Promise<StepOpening | undefined>,
): Promise<Accused> {
  const said: StepOpening[] = []
  for (let position = job.promptTokens; position <= step.position; position++) {
    const opening = position === step.position ? step : await ask(position)
    if (opening === undefined) return silent(`step ${position}`)
    said.push(opening)
  }
  const plan = planStep(job, operatorsOf(job, step.position) - 1, step.position, step.token)
  // Its first table is what it reads.
  const logits = wordBytes((await own.work(plan)).tables[0]!)
  return { found: 'accusation', accusation: { kind: 'choice', step, said, logits }, workingRoot: undefined }
}
