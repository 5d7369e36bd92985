export { adaptedModelRoot, adaptedModelText } from './adapter/adaptedModelRoot.ts'
export { type AdapterTarget, adapterTargets } from './adapter/adapterTargets.ts'
export { AdapterInvalidError } from './adapter/readAdapter.ts'
export { type ByteSource, bytesSource } from './byteSource.ts'
export {
  BatchFullError,
  type ChatBatch,
  type ChatBatchLimits,
  type ChatSeat,
  createChatBatch,
} from './chat/chatBatch.ts'
export type { ChatMessage } from './chat/chatMessage.ts'
export { ChatInvalidError, type ChatRequest, type FinishReason, prepareChat } from './chat/chatRequest.ts'
export type { ChatRun, ChatToken } from './chat/chatTask.ts'
export { ChatTemplateError, promptRole } from './chat/chatTemplate.ts'
export {
  type ChatClaim,
  type ChatDifference,
  type ReplayOptions,
  type ReplayVerdict,
  replayChat,
} from './chat/replayChat.ts'
export { type ChatRunOptions, runChat } from './chat/runChat.ts'
export {
  type CrewSeat,
  createCrewSeat,
  dismissCrew,
  type MateInput,
  MateLostError,
  mateModule,
} from './crew/crew.ts'
export { EncoderInvalidError } from './encoder/encoderInvalidError.ts'
export { type Encoder, type EncoderFiles, openEncoder } from './encoder/openEncoder.ts'
export { shorten } from './encoder/poolRows.ts'
export { vectorBytes } from './encoder/vectorBytes.ts'
export { GgufInvalidError } from './gguf/ggufInvalidError.ts'
export type { GgufValue } from './gguf/ggufValue.ts'
export { type Gguf, type GgufTensor, readGguf } from './gguf/readGguf.ts'
export { type WritableTensor, type WritableValue, writeGguf } from './gguf/writeGguf.ts'
export { type AnswerShape, checkShape, hasMasks } from './grammar/answerGrammar.ts'
export { SchemaUnsupportedError } from './grammar/schemaError.ts'
export { GrammarStuckError } from './grammar/tokenMask.ts'
export {
  type CallEvent,
  createCallReader,
  readToolCalls,
  type ToolCall,
  toolLimits,
  writeToolCall,
} from './grammar/toolCalls.ts'
export { MemoryExhaustedError } from './kernels/loadKernels.ts'
export { ContextFullError, positionsMax, type Session } from './model/createSession.ts'
export { operatorName } from './model/describeGraph.ts'
export {
  describeModel,
  loadModel,
  type Model,
  type ModelDescription,
  type ModelInfo,
} from './model/loadModel.ts'
export type { LoadProgress } from './model/loadWeights.ts'
export { NumberNotFiniteError } from './model/passRows.ts'
export { samplerVersion, semanticsVersion } from './model/programId.ts'
export {
  readSafetensors,
  type Safetensors,
  type SafetensorsTensor,
  tensorFloats,
} from './safetensors/readSafetensors.ts'
export { SafetensorsInvalidError } from './safetensors/safetensorsInvalidError.ts'
export { type WritableSafetensor, writeSafetensors } from './safetensors/writeSafetensors.ts'
export type { Logprobs, TokenLogprob } from './sampler/logprobs.ts'
export { type SelfCheck, selfCheck } from './selfCheck/selfCheck.ts'
export type { TokenDecoder, Tokenizer } from './tokenizer/readTokenizer.ts'
export { decodeTrace, encodeTrace } from './trace/encodeTrace.ts'
export { recordSteps, type StepRecorder, type Trace } from './trace/recordSteps.ts'
export { stepRoot } from './trace/stepRoot.ts'
export { bareRow } from './train/bareRow.ts'
export { TrainingRowsError } from './train/checkRows.ts'
export type { TokenRow } from './train/forwardPass.ts'
export { drawModel, type ModelShape } from './train/full/drawModel.ts'
export type { ExportType } from './train/full/exportType.ts'
export { type FullOptions, FullOptionsError, fullDefaults } from './train/full/fullOptions.ts'
export type { OpenFullOptions } from './train/full/fullTrainer.ts'
export type { FullProgress } from './train/full/fullTraining.ts'
export { type Corpus, CorpusInvalidError, openCorpus } from './train/full/openCorpus.ts'
export { type FullTrainer, openFullTrainer } from './train/full/openFullTrainer.ts'
export { type LoraOptions, LoraOptionsError, loraDefaults } from './train/loraOptions.ts'
export type { TrainProgress } from './train/loraTraining.ts'
export { type LoraTrainer, openLoraTrainer } from './train/openLoraTrainer.ts'
export { type Dataset, DatasetInvalidError, type DatasetLimits, readDataset } from './train/readDataset.ts'
export { readTrainingLines, type TrainingMessage } from './train/readTrainingLines.ts'
export {
  runTraining,
  type TrainingHooks,
  type TrainingPlan,
  type TrainingProgress,
  totalStepsOf,
} from './train/runTraining.ts'
export { TrainerStateError } from './train/stateBytes.ts'
export { type OpenTrainerOptions, TrainingDivergedError, type TrainStep } from './train/trainer.ts'
export { digestBatch } from './train/trainerState.ts'
