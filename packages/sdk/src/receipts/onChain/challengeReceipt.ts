/** Disputes an answer on chain with a provider that does not answer otherwise: it shows its working in time, or loses stake. Spec: spec/dispute.md §13 */
import { type Hex, hexToBytes, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { planOperator, samplerOf } from '@weightless/dispute'
import { modelFacts } from '@weightless/dispute/contract/modelFacts'
import type { Draw } from '@weightless/dispute/working/rules'
import { type Bundle, type ChatOpening, isChatBundle } from '@weightless/receipt'
import { adjustBits, samplerBits } from '@weightless/receipt/commitments'
import { type ByteSource, bytesSource, describeModel } from '@weightless/tensor'
import type { ClientContext } from '../../clientContext.ts'
import { contractAddress } from '../../networkConfig.ts'
import { type Dispute, playDispute } from '../playDispute.ts'
import { ReceiptUndisputableError } from '../receiptUndisputable.ts'
import { hashModel } from '../requireWeights.ts'
import { slashedBy } from '../slashedBy.ts'
import { type GameOptions, openGame } from './openGame.ts'
import { type Slashing, submitVerdict } from './submitVerdict.ts'
import { type VouchOptions, vouchModel } from './vouchModel.ts'

export type Challenge = {
  dispute: Dispute
  /** What the provider lost; undefined where nothing was shown. */
  slashing: Omit<Slashing, 'modelTransactions' | 'gasUsed'> | undefined
  /** Wei of the bond: up during the game, then back, or the provider's where nothing was shown. */
  bond: 'none' | 'returned' | 'lost'
}

/**
 * @param model - the receipt's, as a file
 * @throws {ReceiptUndisputableError} {TransactionRevertedError} such as ReceiptTooOld
 */
export async function challengeReceipt(
  context: ClientContext,
  bundle: Bundle,
  model: Uint8Array | ByteSource,
  options: GameOptions & VouchOptions = {},
): Promise<Challenge> {
  if (!isChatBundle(bundle)) throw new ReceiptUndisputableError({ reason: 'The receipt is about bytes, not a run.' })
  const { config, ledger } = context
  if (!ledger.address) throw new ChallengerMissingError()
  const { receipt, signature, opening } = bundle
  const source = await hashModel(model instanceof Uint8Array ? bytesSource(model) : model, options.signal)
  const { graph, programId, programText } = await describeModel(source)
  const facts = modelFacts(graph, source.sizeBytes)
  const shown = { tree: source.tree, source, facts, programId, programText }
  const exhibit = {
    receipt,
    signature,
    sampler: samplerBits(opening.sampler),
    adjust: adjustBits(opening.sampler),
    model: facts,
  }
  const plan = (operator: number, position: number) =>
    planOperator(graph, operator, position, 0, drawAt(bundle, position))
  const game = openGame(context, exhibit, plan, options)
  let isVouched = false
  const dispute = await playDispute(bundle, {
    async send(body) {
      if (!isVouched) await vouchModel(context, shown, options)
      isVouched = true
      return game.ask((body as { question: Parameters<typeof game.ask>[0] }).question)
    },
    loadWeights: async () => source,
    expected: { chainId: BigInt(config.chain.chainId), settlement: contractAddress(config, 'receiptSettlement') },
    ...(options.signal && { signal: options.signal }),
  })
  if (!game.isOpen()) return { dispute, slashing: undefined, bond: 'none' }
  const { provider, user, jobNonce } = receipt
  const about = { provider, user, jobNonce }
  const send = options.send ? { send: options.send } : {}
  // A choice under a mask is for whoever has the file: no contract judges it.
  const isJudged = dispute.outcome === 'guilty' && dispute.verdict.accusation.kind !== 'choice'
  const slashing = isJudged ? await submitVerdict(context, dispute.verdict, source, send) : undefined
  if (!slashing && !game.isSilent()) return { dispute, slashing, bond: 'lost' }
  const at = { address: contractAddress(config, 'disputeGame'), abi: abis.disputeGame } as const
  const finished = await ledger.submit({ ...at, functionName: 'finish', args: [game.id] }, options.send)
  await ledger.submit({ ...at, functionName: 'withdrawCredit' }, options.send)
  const transactionHash: Hex = finished.transactionHash
  return { dispute, slashing: slashing ?? { ...about, ...slashedBy(finished), transactionHash }, bond: 'returned' }
}

/** Undefined in the prompt, where no token is chosen. */
function drawAt({ receipt, opening }: Bundle<ChatOpening>, position: number): Draw | undefined {
  const index = position + 1 - Number(receipt.promptTokens)
  return index < 0 ? undefined : { ...samplerOf(opening.sampler), seed32: hexToBytes(receipt.seed), index }
}

export class ChallengerMissingError extends WeightlessError {
  constructor() {
    super(
      'sdk/challenger-missing',
      'A challenge needs an account that puts up the bond.',
      {},
      {
        hint: 'Give createClient an account.',
      },
    )
  }
}
