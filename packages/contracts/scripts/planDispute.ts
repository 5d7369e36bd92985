/** The part of a deployment by which a wrong answer costs its provider stake. Spec: spec/dispute.md §12. */
import { encodeDeployData, encodeFunctionData, type Hex } from 'viem'
import { disputeGameAbi } from '../src/abi/disputeGame.generated.ts'
import { providerStakeAbi } from '../src/abi/providerStake.generated.ts'
import { sampleJudgeAbi } from '../src/abi/sampleJudge.generated.ts'
import { stepJudgeAbi } from '../src/abi/stepJudge.generated.ts'
import { wordJudgeAbi } from '../src/abi/wordJudge.generated.ts'
import { disputeGameBytecode } from '../src/bytecode/disputeGame.generated.ts'
import { modelFactsBytecode } from '../src/bytecode/modelFacts.generated.ts'
import { operatorPlansBytecode } from '../src/bytecode/operatorPlans.generated.ts'
import { rowChainBytecode } from '../src/bytecode/rowChain.generated.ts'
import { sampleJudgeBytecode } from '../src/bytecode/sampleJudge.generated.ts'
import { stepJudgeBytecode } from '../src/bytecode/stepJudge.generated.ts'
import { wordJudgeBytecode } from '../src/bytecode/wordJudge.generated.ts'
import type { Preset } from './presets.ts'

type Create = (name: string, initCode: Hex) => Hex
type CreateProxy = (name: string, implementation: Hex, data: Hex) => Hex
type Call = (what: string, to: Hex, data: Hex) => void

/** Nothing where nobody is slashed. What computes and what it knows of models has no owner and no proxy. */
export function planDispute(
  { disputeBondWei, answerSeconds }: Preset,
  owner: Hex,
  { providerStake, receiptSettlement }: { [name: string]: Hex },
  create: Create,
  createProxy: CreateProxy,
  call: Call,
): void {
  if (providerStake === undefined) return
  const plans = create('operatorPlans', operatorPlansBytecode)
  const args = [plans, create('rowChain', rowChainBytecode)] as const
  const words = create('wordJudge', encodeDeployData({ abi: wordJudgeAbi, bytecode: wordJudgeBytecode, args }))
  const ofSteps = { abi: stepJudgeAbi, bytecode: stepJudgeBytecode, args: [plans] } as const
  const steps = create('stepJudge', encodeDeployData(ofSteps))
  const facts = create('modelFacts', modelFactsBytecode)
  const samples = create('sampleJudge', encodeDeployData({ abi: sampleJudgeAbi, bytecode: sampleJudgeBytecode, args }))
  const begin = encodeFunctionData({
    abi: disputeGameAbi,
    functionName: 'initialize',
    args: [
      owner,
      providerStake,
      receiptSettlement!,
      { facts, plans, words, steps, samples },
      disputeBondWei,
      answerSeconds,
    ],
  })
  const game = createProxy('disputeGame', disputeGameBytecode, begin)
  const judge = encodeFunctionData({ abi: providerStakeAbi, functionName: 'setJudge', args: [game, true] })
  call('let the dispute game slash', providerStake, judge)
}
