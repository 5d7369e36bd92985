/** Takes a verdict to the chain: its contracts compute the accused number, and the provider loses stake. Spec: spec/dispute.md §12 */
import { WeightlessError } from '@weightless/codec'
import type { VerdictFile } from '@weightless/compute/wire'
import { abis } from '@weightless/contracts'
import { proveSourceSectors } from '@weightless/crypto/sectorRange'
import { accusationArguments, ChoiceUnjudgedError } from '@weightless/dispute/contract/accusationArguments'
import { modelFacts } from '@weightless/dispute/contract/modelFacts'
import { adjustBits, samplerBits } from '@weightless/receipt/commitments'
import type { ByteSource } from '@weightless/tensor'
import type { Abi } from 'viem'
import type { ClientContext } from '../../clientContext.ts'
import { contractAddress } from '../../networkConfig.ts'
import { ForeignFaultError } from '../reportFault.ts'
import { treeOfModel } from '../requireWeights.ts'
import { slashedBy, type TakenStake } from '../slashedBy.ts'
import { weighEvidence } from '../weighVerdict.ts'
import { type VouchOptions, vouchModel } from './vouchModel.ts'

export type Slashing = TakenStake & {
  gasUsed: bigint
  /** Transactions before, by which the chain learned of the model; 0 where it knew. */
  modelTransactions: number
}

/**
 * Judges the file here first: what shows nothing costs no gas.
 * @param model - the receipt's, as a file
 * @throws {ForeignFaultError} {ChoiceUnjudgedError} {AdapterUnjudgedError} {VerdictRefusedError} {TransactionRevertedError} such as FaultCounted: it was shown before
 */
export async function submitVerdict(
  context: ClientContext,
  verdict: VerdictFile,
  model: Uint8Array | ByteSource,
  { signal, ...options }: VouchOptions & { signal?: AbortSignal } = {},
): Promise<Slashing> {
  const { config, ledger } = context
  const { receipt, settlement, signature, sampler, root, accusation } = verdict
  const isHere = receipt.chainId === BigInt(config.chain.chainId)
  if (!isHere || settlement !== contractAddress(config, 'receiptSettlement').toLowerCase()) {
    throw new ForeignFaultError({ chainId: receipt.chainId.toString(), settlement })
  }
  if (accusation.kind === 'choice') throw new ChoiceUnjudgedError()
  if (verdict.adapter) throw new AdapterUnjudgedError()
  const evidence = await weighEvidence(verdict, model, signal)
  if ('reason' in evidence) throw new VerdictRefusedError({ reason: evidence.reason })
  const { source, graph, programText, range } = evidence
  const tree = await treeOfModel(source, signal)
  const facts = modelFacts(graph, source.sizeBytes)
  const shown = { tree, source, facts, programId: receipt.programId, programText }
  const modelTransactions = await vouchModel(context, shown, options)
  const sectors = range && (await proveSourceSectors(tree, source, range.from, range.count))
  const { functionName, args } = accusationArguments(accusation, root, sectors)
  const exhibit = { receipt, signature, sampler: samplerBits(sampler), adjust: adjustBits(sampler), model: facts }
  const at = { address: contractAddress(config, 'disputeGame'), abi: [...abis.disputeGame, ...errorsBelow] } as const
  // Of each function the arguments are as `accusationArguments` says; the union of all is too wide to be checked together.
  const call = { ...at, functionName, args: [exhibit, ...args] } as unknown as Parameters<typeof ledger.submit>[0]
  const sent = await ledger.submit(call, options.send)
  const { provider, user, jobNonce } = receipt
  const { transactionHash, gasUsed } = sent
  return { provider, user, jobNonce, ...slashedBy(sent), transactionHash, gasUsed, modelTransactions }
}

/** What the contracts that the game asks refuse with. */
const below = [
  'providerStake',
  'modelFacts',
  'wordJudge',
  'sampleJudge',
  'stepJudge',
  'operatorPlans',
  'rowChain',
] as const
const errorsBelow = below.flatMap((name) => (abis[name] as Abi).filter(({ type }) => type === 'error'))

export class AdapterUnjudgedError extends WeightlessError {
  constructor() {
    super(
      'sdk/adapter-unjudged',
      'No contract reads adapters, so that none judges an answer with one.',
      {},
      { hint: 'Anybody who has the model judges the file: `weightless dispute judge`.' },
    )
  }
}

export class VerdictRefusedError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('sdk/verdict-refused', `The verdict shows nothing: ${facts.reason}`, facts)
  }
}
