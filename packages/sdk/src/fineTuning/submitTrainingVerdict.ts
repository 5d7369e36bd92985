/** Takes what a verdict about a training shows to the chain, as far as a contract decides it. Spec: spec/dispute.md §14.7 */
import { bytesToHex, bytesToText, isHexOf, textToBytes } from '@weightless/codec'
import type { TrainingVerdictFile } from '@weightless/compute/wire'
import { abis } from '@weightless/contracts'
import { stateArgument } from '@weightless/dispute/contract/trainingArguments'
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
  const { ledger, config } = context
  const { bundle, roots, accusation, finding } = verdict
  const { receipt, signature, settlement } = bundle
  const serving = contractAddress(config, 'fineTuningServing').toLowerCase()
  if (settlement !== serving || receipt.chainId !== BigInt(config.chain.chainId)) {
    throw new ForeignFaultError({ chainId: receipt.chainId.toString(), settlement })
  }
  const run = roots.find(({ place }) => place === 0)
  const { provider, user, jobNonce } = receipt
  if (run && accusation.kind === 'word') {
    const { sent, modelTransactions } = await submitTrainingWord(
      context,
      { verdict, accusation, run },
      loadModel,
      options,
    )
    const { transactionHash, gasUsed } = sent
    return { provider, user, jobNonce, ...slashedBy(sent), transactionHash, gasUsed, modelTransactions }
  }
  if (run && accusation.kind === 'head' && finding.what === 'settings' && isOfAdapter(bundle.opening.parameters)) {
    const game = { address: contractAddress(config, 'trainingGame'), abi: abis.trainingGame } as const
    const parameters = bytesToHex(textToBytes(bundle.opening.parameters))
    const args = [receipt, signature, run, stateArgument(accusation.steps, accusation), parameters] as const
    const sent = await ledger.submit({ ...game, functionName: 'proveSettings', args }, options.send)
    const { transactionHash, gasUsed } = sent
    return { provider, user, jobNonce, ...slashedBy(sent), transactionHash, gasUsed, modelTransactions: 0 }
  }
  const isDecided = accusation.kind === 'end' || (accusation.kind === 'head' && contradicts(accusation, receipt))
  if (!run || !isDecided) throw new VerdictUndecidedError({ kind: accusation.kind, what: finding.what })
  const at = { address: contractAddress(config, 'trainingStake'), abi: abis.trainingStake } as const
  const sent =
    accusation.kind === 'end'
      ? await ledger.submit(
          {
            ...at,
            functionName: 'reportOtherEnd',
            args: [receipt, signature, run, stateOf(run.leaves - 1, accusation.state)],
          },
          options.send,
        )
      : await ledger.submit(
          {
            ...at,
            functionName: 'reportOtherHead',
            args: [
              ...([receipt, signature, run, stateOf(accusation.steps, accusation)] as const),
              ...([bytesToHex(accusation.head), bytesToHex(accusation.top)] as const),
            ],
          },
          options.send,
        )
  const { transactionHash, gasUsed } = sent
  return { provider, user, jobNonce, ...slashedBy(sent), transactionHash, gasUsed, modelTransactions: 0 }
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

function stateOf(steps: number, { root, path }: { root: Uint8Array; path: readonly Uint8Array[] }) {
  return { steps, root: bytesToHex(root), path: path.map((hash) => bytesToHex(hash)) }
}
