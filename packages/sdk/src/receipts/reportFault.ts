/** Shows on chain what a provider's own signatures prove against it: part of its stake goes to the user. Spec: SETTLEMENT §9.3. */
import { type Hex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { TransactionRevertedError } from '@weightless/ledger'
import type { ProvableFault, Signed } from '@weightless/receipt'
import type { SignedDelivery } from '@weightless/receipt/delivery'
import { keccak256, toHex } from 'viem'
import type { SendOptions } from '../account/openAccount.ts'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { slashedBy, type TakenStake } from './slashedBy.ts'

/** `other-delivery`: the deliverable on the chain is not the file that was signed for. */
type ShownKind = ProvableFault['kind'] | 'other-delivery'

export type FaultReport = TakenStake & { fault: ShownKind }

/** @throws {NoFaultShownError} @throws {TransactionRevertedError} such as FaultCounted: it was shown before */
export async function reportFault(
  context: ClientContext,
  bundle: Signed,
  other?: Signed,
  options?: SendOptions,
): Promise<FaultReport> {
  const { findProvableFault, deliveryOf } = await import('@weightless/receipt/findProvableFault')
  const { config } = context
  const { provider, user, jobNonce, chainId } = bundle.receipt
  const isTraining = isAt(config, 'fineTuningServing', bundle)
  if (!isTraining && !isAt(config, 'receiptSettlement', bundle)) {
    throw new ForeignFaultError({ chainId: chainId.toString(), settlement: bundle.settlement })
  }
  const delivery = isTraining ? (deliveryOf(bundle) ?? (other && deliveryOf(other))) : undefined
  const fault = findProvableFault(bundle, other) ?? (delivery && (await findOtherDelivery(context, bundle, delivery)))
  if (!fault) throw new NoFaultShownError()
  const sent =
    fault.kind === 'other-delivery' || fault.kind === 'double-delivery'
      ? await sendDelivery(context, fault, options)
      : await send(context, contractAddress(config, isTraining ? 'trainingStake' : 'providerStake'), fault, options)
  const { slashedWei, toUserWei, toReporterWei } = slashedBy(sent)
  const about = { fault: fault.kind, provider, user, jobNonce, transactionHash: sent.transactionHash }
  return { ...about, slashedWei, toUserWei, toReporterWei }
}

type OtherDelivery = { kind: 'other-delivery'; bundle: Signed; delivery: SignedDelivery }
type DeliveryFault = OtherDelivery | Extract<ProvableFault, { kind: 'double-delivery' }>

/** Whether the receipt is of this network, in the domain of this contract. */
function isAt(config: ClientContext['config'], name: string, { receipt, settlement }: Signed): boolean {
  const address = config.contracts[name]
  return receipt.chainId === BigInt(config.chain.chainId) && settlement === address?.toLowerCase()
}

/** The chain says what was delivered; nobody is found guilty of what is not there. */
async function findOtherDelivery(
  { config, ledger }: ClientContext,
  bundle: Signed,
  delivery: SignedDelivery,
): Promise<OtherDelivery | undefined> {
  const { user, provider } = bundle.receipt
  const at = { address: contractAddress(config, 'fineTuningServing'), abi: abis.fineTuningServing } as const
  const args = [user, provider, delivery.id] as const
  try {
    const { modelRootHash } = await ledger.read({ ...at, functionName: 'getDeliverable', args })
    return modelRootHash === delivery.root ? undefined : { kind: 'other-delivery', bundle, delivery }
  } catch (fault) {
    if (fault instanceof TransactionRevertedError) return undefined
    throw fault
  }
}

function sendDelivery({ config, ledger }: ClientContext, fault: DeliveryFault, options: SendOptions | undefined) {
  const at = { address: contractAddress(config, 'trainingStake'), abi: abis.trainingStake } as const
  const { receipt, signature } = fault.bundle
  if (fault.kind === 'other-delivery') {
    const args = [receipt, signature, fault.delivery, fault.delivery.signature] as const
    return ledger.submit({ ...at, functionName: 'reportOtherDelivery', args }, options)
  }
  const { one, other } = fault
  const args = [receipt, signature, one, one.signature, other, other.signature] as const
  return ledger.submit({ ...at, functionName: 'reportDoubleDelivery', args }, options)
}

/** These have one form at both contracts. */
function send(
  { ledger }: ClientContext,
  address: Hex,
  fault: Exclude<ProvableFault, { kind: 'double-delivery' }>,
  options: SendOptions | undefined,
) {
  const at = { address, abi: abis.providerStake } as const
  if (fault.kind === 'broken-acceptance') {
    const { acceptance, bundle } = fault
    const args = [acceptance.authorization, acceptance.signature, bundle.receipt, bundle.signature] as const
    return ledger.submit({ ...at, functionName: 'reportBrokenAcceptance', args }, options)
  }
  if (fault.kind === 'double-acceptance') {
    const { one, other } = fault
    const args = [one.authorization, one.signature, other.authorization, other.signature] as const
    return ledger.submit({ ...at, functionName: 'reportDoubleAcceptance', args }, options)
  }
  if (fault.kind === 'contradiction') {
    const { one, other } = fault
    const args = [one.receipt, one.signature, other.receipt, other.signature] as const
    return ledger.submit({ ...at, functionName: 'reportContradiction', args }, options)
  }
  const { receipt, signature, opening } = fault.bundle
  const { model, inputWeiPerToken, outputWeiPerToken, updatedAt } = opening.price
  const prices = { inputPrice: inputWeiPerToken, outputPrice: outputWeiPerToken, updatedAt }
  const args = [receipt, signature, { modelHash: keccak256(toHex(model)), ...prices }] as const
  return ledger.submit({ ...at, functionName: 'reportFalseBill', args }, options)
}

/** What a transaction took from a provider's stake, and who got which share. */
export class NoFaultShownError extends WeightlessError {
  constructor() {
    super(
      'sdk/no-fault-shown',
      'These signatures show no fault of the provider.',
      {},
      {
        hint: 'Of a wrong answer `weightless verify` says what differs; on chain only what the provider signed twice, billed falsely or broke after accepting it counts.',
      },
    )
  }
}

export class ForeignFaultError extends WeightlessError {
  constructor(facts: { chainId: string; settlement: Hex }) {
    super('sdk/foreign-fault', 'The receipt is of another chain or settlement contract.', facts, {
      hint: 'Report it on that network: name it with WEIGHTLESS_NETWORK.',
    })
  }
}
