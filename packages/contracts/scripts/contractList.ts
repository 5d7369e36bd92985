/** Which contracts become artefacts: the key they have in `abis`, and where their source stands. */

export type ContractEntry = {
  /** Key in `abis` and name of the generated file. */
  key: string
  source: string
  contract: string
  /** Functions of these names and first argument types form an ABI of their own, `<key>LegacySubmit`. */
  legacyArgument?: string
}

export const contractList: readonly ContractEntry[] = [
  { key: 'flow', source: 'storage/Flow.sol', contract: 'Flow', legacyArgument: 'struct SubmissionData' },
  { key: 'market', source: 'storage/FixedPriceMarket.sol', contract: 'FixedPriceMarket' },
  { key: 'rewardPool', source: 'storage/RewardPool.sol', contract: 'RewardPool' },
  { key: 'poraMine', source: 'storage/PoraMine.sol', contract: 'PoraMine' },
  { key: 'holderStake', source: 'storage/HolderStake.sol', contract: 'HolderStake' },
  { key: 'digestHistory', source: 'storage/DigestHistory.sol', contract: 'DigestHistory' },
  { key: 'ledgerManager', source: 'compute/LedgerManager.sol', contract: 'WeightlessLedgerManager' },
  { key: 'ledgerManagerUpstream', source: 'compute/LedgerManager.sol', contract: 'LedgerManager' },
  { key: 'inferenceServing', source: 'compute/InferenceServing.sol', contract: 'WeightlessInferenceServing' },
  { key: 'inferenceServingUpstream', source: 'compute/InferenceServing.sol', contract: 'InferenceServing' },
  { key: 'fineTuningServing', source: 'compute/FineTuningServing.sol', contract: 'WeightlessFineTuningServing' },
  { key: 'fineTuningServingUpstream', source: 'compute/FineTuningServing.sol', contract: 'FineTuningServing' },
  { key: 'receiptSettlement', source: 'compute/ReceiptSettlement.sol', contract: 'ReceiptSettlement' },
  { key: 'providerStake', source: 'compute/ProviderStake.sol', contract: 'ProviderStake' },
  { key: 'trainingStake', source: 'compute/TrainingStake.sol', contract: 'TrainingStake' },
  { key: 'operatorPlans', source: 'dispute/OperatorPlans.sol', contract: 'OperatorPlans' },
  { key: 'rowChain', source: 'dispute/RowChain.sol', contract: 'RowChain' },
  { key: 'wordJudge', source: 'dispute/WordJudge.sol', contract: 'WordJudge' },
  { key: 'sampleJudge', source: 'dispute/SampleJudge.sol', contract: 'SampleJudge' },
  { key: 'stepJudge', source: 'dispute/StepJudge.sol', contract: 'StepJudge' },
  { key: 'modelFacts', source: 'dispute/ModelFacts.sol', contract: 'ModelFacts' },
  { key: 'disputeGame', source: 'dispute/DisputeGame.sol', contract: 'DisputeGame' },
  { key: 'trainingRules', source: 'training/TrainingRules.sol', contract: 'TrainingRules' },
  { key: 'attentionRules', source: 'training/AttentionRules.sol', contract: 'AttentionRules' },
  { key: 'momentRules', source: 'training/MomentRules.sol', contract: 'MomentRules' },
  { key: 'forwardJudge', source: 'training/ForwardJudge.sol', contract: 'ForwardJudge' },
  { key: 'backwardJudge', source: 'training/BackwardJudge.sol', contract: 'BackwardJudge' },
  { key: 'trainingGame', source: 'training/TrainingGame.sol', contract: 'TrainingGame' },
  { key: 'priorityStake', source: 'market/PriorityStake.sol', contract: 'PriorityStake' },
  { key: 'serviceMarket', source: 'market/ServiceMarket.sol', contract: 'ServiceMarket' },
  { key: 'jobBoard', source: 'market/JobBoard.sol', contract: 'JobBoard' },
  { key: 'alignmentLicence', source: 'alignment/AlignmentLicence.sol', contract: 'AlignmentLicence' },
  { key: 'auditRounds', source: 'alignment/AuditRounds.sol', contract: 'AuditRounds' },
  { key: 'intelCertificates', source: 'tee/IntelCertificates.sol', contract: 'IntelCertificates' },
  { key: 'tcbRegistry', source: 'tee/TcbRegistry.sol', contract: 'TcbRegistry' },
  { key: 'dcapVerifier', source: 'tee/DcapVerifier.sol', contract: 'DcapVerifier' },
  { key: 'teeKeys', source: 'tee/TeeKeys.sol', contract: 'TeeKeys' },
  {
    key: 'proxy',
    source: '@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol',
    contract: 'TransparentUpgradeableProxy',
  },
  {
    key: 'timelock',
    source: '@openzeppelin/contracts/governance/TimelockController.sol',
    contract: 'TimelockController',
  },
  {
    key: 'proxyAdmin',
    source: '@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol',
    contract: 'ProxyAdmin',
  },
]
