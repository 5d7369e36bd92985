/** What edges may use of this service beside its wire: checking a training by training again. */
export { type TrainingVerification, verifyTraining } from './finetune/verifyTraining.ts'
