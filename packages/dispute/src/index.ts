export { commitJob, samplerOf } from './execution/commitJob.ts'
export { executeJob } from './execution/executeJob.ts'
export type { ReadFile } from './numbers/weightBlock.ts'
export type { Accusation, Finding, OpenedChunk, WorkingOpening } from './referee/accusation.ts'
export { type Accused, accuse, type Execution } from './referee/accuse.ts'
export { createDefender, type Defence, type Defender } from './referee/defender.ts'
export { type Evidence, type JobCommitment, judge, planStep } from './referee/judge.ts'
export { type StepOpening, tokenOf } from './referee/stepOpening.ts'
export {
  type AccusedTraining,
  accuseTraining,
  type OwnTraining,
  type TrainingDefender,
} from './training/accuseTraining.ts'
export { type Pair, type Side, sides } from './training/bisectPair.ts'
export { type FullJobFacts, fullCourse, fullJob, fullStart } from './training/fullJob.ts'
export { JobUndisputableError } from './training/jobUndisputable.ts'
export { type JobOutline, judgeTraining } from './training/judgeTraining.ts'
export { type LoraJobFacts, loraJob } from './training/loraJob.ts'
export { refereeTraining, type TrainingClaim, type TrainingVerdict } from './training/refereeTraining.ts'
export { planFullStep, planLoraStep } from './training/stepPlan.ts'
export { type StepTrace, traceStep } from './training/traceStep.ts'
export type { TrainingAccusation, TrainingFinding, TrainingRoots } from './training/trainingAccusation.ts'
export type { TrainingJob } from './training/trainingJob.ts'
export { openTrainingParty, type TrainingParty, type TrainingRecord } from './training/trainingParty.ts'
export { pieceDigests, readState, type TrainingState } from './training/trainingState.ts'
export { OperatorUnknownError } from './working/createPlanner.ts'
export { evaluateWorking, SourceInvalidError } from './working/evaluateWorking.ts'
export { planOperator } from './working/planOperator.ts'
