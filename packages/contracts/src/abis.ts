/** All ABIs by contract, as constants that viem infers types from. */

import { alignmentLicenceAbi } from './abi/alignmentLicence.generated.ts'
import { attentionRulesAbi } from './abi/attentionRules.generated.ts'
import { auditRoundsAbi } from './abi/auditRounds.generated.ts'
import { backwardJudgeAbi } from './abi/backwardJudge.generated.ts'
import { dcapVerifierAbi } from './abi/dcapVerifier.generated.ts'
import { disputeGameAbi } from './abi/disputeGame.generated.ts'
import { fineTuningServingAbi } from './abi/fineTuningServing.generated.ts'
import { flowAbi } from './abi/flow.generated.ts'
import { flowLegacySubmitAbi } from './abi/flowLegacySubmit.generated.ts'
import { forwardJudgeAbi } from './abi/forwardJudge.generated.ts'
import { holderStakeAbi } from './abi/holderStake.generated.ts'
import { inferenceServingAbi } from './abi/inferenceServing.generated.ts'
import { intelCertificatesAbi } from './abi/intelCertificates.generated.ts'
import { jobBoardAbi } from './abi/jobBoard.generated.ts'
import { ledgerManagerAbi } from './abi/ledgerManager.generated.ts'
import { marketAbi } from './abi/market.generated.ts'
import { modelFactsAbi } from './abi/modelFacts.generated.ts'
import { momentRulesAbi } from './abi/momentRules.generated.ts'
import { operatorPlansAbi } from './abi/operatorPlans.generated.ts'
import { poraMineAbi } from './abi/poraMine.generated.ts'
import { priorityStakeAbi } from './abi/priorityStake.generated.ts'
import { providerStakeAbi } from './abi/providerStake.generated.ts'
import { proxyAdminAbi } from './abi/proxyAdmin.generated.ts'
import { receiptSettlementAbi } from './abi/receiptSettlement.generated.ts'
import { rewardPoolAbi } from './abi/rewardPool.generated.ts'
import { rowChainAbi } from './abi/rowChain.generated.ts'
import { sampleJudgeAbi } from './abi/sampleJudge.generated.ts'
import { serviceMarketAbi } from './abi/serviceMarket.generated.ts'
import { stepJudgeAbi } from './abi/stepJudge.generated.ts'
import { tcbRegistryAbi } from './abi/tcbRegistry.generated.ts'
import { teeKeysAbi } from './abi/teeKeys.generated.ts'
import { timelockAbi } from './abi/timelock.generated.ts'
import { trainingGameAbi } from './abi/trainingGame.generated.ts'
import { trainingRulesAbi } from './abi/trainingRules.generated.ts'
import { trainingStakeAbi } from './abi/trainingStake.generated.ts'
import { wordJudgeAbi } from './abi/wordJudge.generated.ts'

export const abis = {
  /** Without the older generation of `submit` and `batchSubmit`. */
  flow: flowAbi,
  /** The older generation: `submit`, `batchSubmit`, and the flow's events and errors. */
  flowLegacySubmit: flowLegacySubmitAbi,
  market: marketAbi,
  rewardPool: rewardPoolAbi,
  poraMine: poraMineAbi,
  ledgerManager: ledgerManagerAbi,
  holderStake: holderStakeAbi,
  inferenceServing: inferenceServingAbi,
  fineTuningServing: fineTuningServingAbi,
  receiptSettlement: receiptSettlementAbi,
  providerStake: providerStakeAbi,
  trainingStake: trainingStakeAbi,
  trainingGame: trainingGameAbi,
  forwardJudge: forwardJudgeAbi,
  backwardJudge: backwardJudgeAbi,
  trainingRules: trainingRulesAbi,
  attentionRules: attentionRulesAbi,
  momentRules: momentRulesAbi,
  disputeGame: disputeGameAbi,
  modelFacts: modelFactsAbi,
  operatorPlans: operatorPlansAbi,
  rowChain: rowChainAbi,
  sampleJudge: sampleJudgeAbi,
  stepJudge: stepJudgeAbi,
  wordJudge: wordJudgeAbi,
  priorityStake: priorityStakeAbi,
  serviceMarket: serviceMarketAbi,
  jobBoard: jobBoardAbi,
  alignmentLicence: alignmentLicenceAbi,
  auditRounds: auditRoundsAbi,
  intelCertificates: intelCertificatesAbi,
  tcbRegistry: tcbRegistryAbi,
  dcapVerifier: dcapVerifierAbi,
  teeKeys: teeKeysAbi,
  proxyAdmin: proxyAdminAbi,
  timelock: timelockAbi,
} as const
