/** Takes one wrong word of a step of a training to the chain, whose contracts compute it again. Spec: spec/dispute.md §14.8 */
import type { TrainingVerdictFile } from '@weightless/compute/wire'
import { abis } from '@weightless/contracts'
import { proveSourceSectors } from '@weightless/crypto/sectorRange'
import type { WordOpening } from '@weightless/dispute'
import { fileArgument } from '@weightless/dispute/contract/accusationArguments'
import { modelFacts } from '@weightless/dispute/contract/modelFacts'
import {
  isBackward,
  pieceArguments,
  stepArguments,
  tableArguments,
  weightRanges,
} from '@weightless/dispute/contract/trainingArguments'
import { identifyModel } from '@weightless/tensor/model/identifyModel'
import type { Abi } from 'viem'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { VerdictRefusedError } from '../receipts/onChain/submitVerdict.ts'
import { type VouchOptions, vouchModel } from '../receipts/onChain/vouchModel.ts'
import { type ModelFile, requireWeights, treeOfModel } from '../receipts/requireWeights.ts'
import { VerdictUndecidedError } from './verdictUndecided.ts'

type Charge = {
  verdict: TrainingVerdictFile
  accusation: WordOpening
  run: TrainingVerdictFile['roots'][number]
}

/** @throws {VerdictRefusedError} {TransactionRevertedError} */
export async function submitTrainingWord(
  context: ClientContext,
  { verdict, accusation, run }: Charge,
  loadModel: () => Promise<ModelFile>,
  options: VouchOptions,
) {
  const { ledger, config } = context
  const { bundle, roots } = verdict
  const { receipt, signature } = bundle
  const refuse = (reason: string) => new VerdictRefusedError({ reason })
  const source = await requireWeights(await loadModel(), receipt.modelRoot)
  if (!source) throw refuse(`these are not the weights ${receipt.modelRoot}`)
  const { judgeTrainingVerdict, planAccusedStep } = await import('@weightless/compute/client')
  const { programId, programText, graph } = await identifyModel(source)
  const plan = planAccusedStep(bundle, accusation, graph)
  if (!plan) throw new VerdictUndecidedError({ kind: 'word', what: verdict.finding.what })
  const judged = await judgeTrainingVerdict(verdict, source)
  if (judged.outcome === 'refused') throw refuse(judged.reason)
  const trace = roots.find(({ place }) => place === accusation.step + 1)
  if (!trace) throw refuse('the step has no trace that is signed')
  const tree = await treeOfModel(source)
  const facts = modelFacts(graph, source.sizeBytes)
  const modelTransactions = await vouchModel(context, { tree, source, facts, programId, programText }, options)
  const { table, word } = accusation
  const files = []
  for (const { from, count } of weightRanges(graph, plan, table, word)) {
    files.push(fileArgument(await proveSourceSectors(tree, source, from, count)))
  }
  const exhibit = { receipt, signature, model: facts, run, trace, ...stepArguments(accusation) }
  const args = [
    ...([exhibit, isBackward(plan.tables[table]!.name), BigInt(word)] as const),
    ...([tableArguments(accusation), pieceArguments(accusation), files] as const),
  ] as const
  const at = { address: contractAddress(config, 'trainingGame'), abi: [...abis.trainingGame, ...errorsBelow] }
  const call = { ...at, functionName: 'proveWord', args } as unknown as Parameters<typeof ledger.submit>[0]
  return { sent: await ledger.submit(call, options.send), modelTransactions }
}

/** What the contracts that the game asks refuse with. */
const below = [
  'trainingStake',
  'modelFacts',
  'forwardJudge',
  'backwardJudge',
  'trainingRules',
  'attentionRules',
  'momentRules',
] as const
const errorsBelow = below.flatMap((name) => (abis[name] as Abi).filter(({ type }) => type === 'error'))
