/** The part of a deployment by which a wrong word of a training costs its trainer stake. Spec: spec/dispute.md §14.8. */
import { encodeDeployData, encodeFunctionData, type Hex } from 'viem'
import { backwardJudgeAbi } from '../src/abi/backwardJudge.generated.ts'
import { forwardJudgeAbi } from '../src/abi/forwardJudge.generated.ts'
import { providerStakeAbi } from '../src/abi/providerStake.generated.ts'
import { trainingGameAbi } from '../src/abi/trainingGame.generated.ts'
import { attentionRulesBytecode } from '../src/bytecode/attentionRules.generated.ts'
import { backwardJudgeBytecode } from '../src/bytecode/backwardJudge.generated.ts'
import { forwardJudgeBytecode } from '../src/bytecode/forwardJudge.generated.ts'
import { momentRulesBytecode } from '../src/bytecode/momentRules.generated.ts'
import { trainingGameBytecode } from '../src/bytecode/trainingGame.generated.ts'
import { trainingRulesBytecode } from '../src/bytecode/trainingRules.generated.ts'

type Create = (name: string, initCode: Hex) => Hex
type Call = (what: string, to: Hex, data: Hex) => void

/** Nothing where nobody is slashed. None of these has an owner or stands behind a proxy. */
export function planTraining(
  { trainingStake, fineTuningServing, modelFacts }: { [name: string]: Hex },
  create: Create,
  call: Call,
): void {
  if (trainingStake === undefined) return
  const rules = create('trainingRules', trainingRulesBytecode)
  const attention = create('attentionRules', attentionRulesBytecode)
  const moments = create('momentRules', momentRulesBytecode)
  const both = [
    { abi: forwardJudgeAbi, bytecode: forwardJudgeBytecode, args: [rules, attention] },
    { abi: backwardJudgeAbi, bytecode: backwardJudgeBytecode, args: [rules, moments] },
  ] as const
  const forward = create('forwardJudge', encodeDeployData(both[0]))
  const backward = create('backwardJudge', encodeDeployData(both[1]))
  const args = [trainingStake, fineTuningServing!, modelFacts!, forward, backward] as const
  const deployed = encodeDeployData({ abi: trainingGameAbi, bytecode: trainingGameBytecode, args })
  const game = create('trainingGame', deployed)
  const judge = encodeFunctionData({ abi: providerStakeAbi, functionName: 'setJudge', args: [game, true] })
  call('let the training game slash', trainingStake, judge)
}
