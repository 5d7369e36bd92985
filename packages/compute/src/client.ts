/** What edges may use of this service beside its wire: checking a training by training again, and disputing it. */
export { judgeTrainingVerdict, type TrainingJudgement } from './finetune/dispute/judgeTrainingVerdict.ts'
export { planAccusedStep } from './finetune/dispute/planAccusedStep.ts'
export { playTrainingDispute, type TrainingDispute } from './finetune/dispute/playTrainingDispute.ts'
export { type TrainingVerification, verifyTraining } from './finetune/verifyTraining.ts'
