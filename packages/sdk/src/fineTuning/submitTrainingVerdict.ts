/** Takes what a verdict about a training shows to the chain, as far as a contract decides it. Spec: spec/dispute.md §14.7 */
import { bytesToHex, bytesToText, isHexOf, WeightlessError } from '@weightless/codec'
import type { TrainingVerdictFile } from '@weightless/compute/wire'
import { abis } from '@weightless/contracts'
import type { Receipt } from '@weightless/receipt'
import { trainingProgramId } from '@weightless/receipt/training'
import type { SendOptions } from '../account/openAccount.ts'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { ForeignFaultError } from '../receipts/reportFault.ts'
import { slashedBy, type TakenStake } from '../receipts/slashedBy.ts'

export type TrainingSlashing = TakenStake & { gasUsed: bigint }

/** @throws {VerdictUndecidedError} {ForeignFaultError} {TransactionRevertedError} such as FaultCounted: it was shown before */
export async function submitTrainingVerdict(
  { ledger, config }: ClientContext,
  { bundle, roots, accusation, finding }: TrainingVerdictFile,
  options?: SendOptions,
): Promise<TrainingSlashing> {
  const { receipt, signature, settlement } = bundle
  const serving = contractAddress(config, 'fineTuningServing').toLowerCase()
  if (settlement !== serving || receipt.chainId !== BigInt(config.chain.chainId)) {
    throw new ForeignFaultError({ chainId: receipt.chainId.toString(), settlement })
  }
  const run = roots.find(({ place }) => place === 0)
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
          options,
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
          options,
        )
  const { provider, user, jobNonce } = receipt
  const { transactionHash, gasUsed } = sent
  return { provider, user, jobNonce, ...slashedBy(sent), transactionHash, gasUsed }
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

export class VerdictUndecidedError extends WeightlessError {
  constructor(facts: { kind: string; what: string }) {
    super('sdk/verdict-undecided', 'No contract decides what this verdict shows.', facts, {
      hint: 'Of trainings contracts decide a run that ends in another state than its receipt says, and a head with another program, step or seed. Whoever has the model judges the rest.',
    })
  }
}
