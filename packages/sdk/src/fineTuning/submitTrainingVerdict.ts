/** Takes what a verdict about a training shows to the chain, as far as a contract decides it. Spec: spec/dispute.md §14.7 */
import { bytesToHex, bytesToText, isHexOf, textToBytes } from '@weightless/codec'
import type { TrainingVerdictFile } from '@weightless/compute/wire'
import { abis } from '@weightless/contracts'
import { leafArgument, stateArgument } from '@weightless/dispute/contract/trainingArguments'
import type { Receipt } from '@weightless/receipt'
import { trainingProgramId } from '@weightless/receipt/training'
import type { ByteSource } from '@weightless/tensor'
import type { SendOptions } from '../account/openAccount.ts'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { ForeignFaultError } from '../receipts/reportFault.ts'
import type { ModelFile } from '../receipts/requireWeights.ts'
import { slashedBy, type TakenStake } from '../receipts/slashedBy.ts'
import { submitTrainingWord } from './submitTrainingWord.ts'
import { VerdictUndecidedError } from './verdictUndecided.ts'

export type TrainingSlashing = TakenStake & {
  gasUsed: bigint
  /** Transactions before, by which the chain learned of the model; 0 where it knew, or need not know. */
  modelTransactions: number
}

export type TrainingSubmission = {
  /** The base model, as a file; read for a word of a step alone, else it comes from the storage network. */
  model?: Uint8Array | ByteSource
  /** Called after each part of the model's head with the bytes that were read. */
  onPart?: (readBytes: number) => void
  send?: SendOptions
}

/**
 * @param loadModel - called for a word of a step, which is judged here first: what shows nothing costs no gas
 * @throws {VerdictUndecidedError} {VerdictRefusedError} {ForeignFaultError} {TransactionRevertedError} such as FaultCounted: it was shown before
 */
export async function submitTrainingVerdict(
  context: ClientContext,
  verdict: TrainingVerdictFile,
  loadModel: () => Promise<ModelFile>,
  options: TrainingSubmission = {},
): Promise<TrainingSlashing> {
  const { config } = context
  const { receipt, settlement } = verdict.bundle
  const serving = contractAddress(config, 'fineTuningServing').toLowerCase()
  if (settlement !== serving || receipt.chainId !== BigInt(config.chain.chainId)) {
    throw new ForeignFaultError({ chainId: receipt.chainId.toString(), settlement })
  }
  const { sent, modelTransactions } = await show(context, verdict, loadModel, options)
  const { transactionHash, gasUsed } = sent
  const { provider, user, jobNonce } = receipt
  return { provider, user, jobNonce, ...slashedBy(sent), transactionHash, gasUsed, modelTransactions }
}

/** By the call that decides it. */
async function show(
  context: ClientContext,
  verdict: TrainingVerdictFile,
  loadModel: () => Promise<ModelFile>,
  options: TrainingSubmission,
) {
  const { ledger, config } = context
  const { bundle, roots, accusation, finding } = verdict
  const { receipt, signature, opening } = bundle
  const undecided = new VerdictUndecidedError({ kind: accusation.kind, what: finding.what })
  const run = roots.find(({ place }) => place === 0)
  if (!run) throw undecided
  if (accusation.kind === 'word') return submitTrainingWord(context, { verdict, accusation, run }, loadModel, options)
  if (accusation.kind === 'head' && finding.what === 'settings' && isOfAdapter(opening.parameters)) {
    const game = { address: contractAddress(config, 'trainingGame'), abi: abis.trainingGame } as const
    const parameters = bytesToHex(textToBytes(opening.parameters))
    const args = [receipt, signature, run, stateArgument(accusation.steps, accusation), parameters] as const
    const sent = await ledger.submit({ ...game, functionName: 'proveSettings', args }, options.send)
    return { sent, modelTransactions: 0 }
  }
  const isEnd = accusation.kind === 'end'
  if (!isEnd && !(accusation.kind === 'head' && contradicts(accusation, receipt))) throw undecided
  const stake = { address: contractAddress(config, 'trainingStake'), abi: abis.trainingStake } as const
  if (isEnd) {
    const args = [receipt, signature, run, leafArgument(run.leaves - 1, accusation.state)] as const
    const sent = await ledger.submit({ ...stake, functionName: 'reportOtherEnd', args }, options.send)
    return { sent, modelTransactions: 0 }
  }
  const { state, head, top } = stateArgument(accusation.steps, accusation)
  const args = [receipt, signature, run, state, head, top] as const
  const sent = await ledger.submit({ ...stake, functionName: 'reportOtherHead', args }, options.send)
  return { sent, modelTransactions: 0 }
}

/** Of other trainings no contract reads the parameters. */
function isOfAdapter(parameters: string): boolean {
  return ((JSON.parse(parameters) as { method?: unknown }).method ?? 'lora') === 'lora'
}

/** Whether a head names another program, step or seed than its receipt and its place fix; what is no head names none. */
function contradicts({ head, steps }: { head: Uint8Array; steps: number }, { programId, seed }: Receipt): boolean {
  try {
    const said = JSON.parse(bytesToText(head)) as Record<string, unknown>
    const isProgram = isHexOf(said.program, 32) && trainingProgramId(said.program) === programId
    return !isProgram || said.step !== steps || said.seed !== seed
  } catch {
    return true
  }
}
