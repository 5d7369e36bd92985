/** Shows on chain what a provider's own signatures prove against it: part of its stake goes to the user. Spec: SETTLEMENT §9.3. */
import { type Hex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { Bundle, ProvableFault } from '@weightless/receipt'
import { keccak256, parseEventLogs, type TransactionReceipt, toHex } from 'viem'
import type { SendOptions } from '../account/openAccount.ts'
import type { ClientContext } from '../client.ts'
import { contractAddress } from '../networkConfig.ts'

export type FaultReport = {
  fault: ProvableFault['kind']
  provider: Hex
  user: Hex
  jobNonce: bigint
  /** Wei that were taken from the provider's stake, and the shares of the user and of whoever reported. */
  slashedWei: bigint
  toUserWei: bigint
  toReporterWei: bigint
  transactionHash: Hex
}

/** @throws {NoFaultShownError} @throws {TransactionRevertedError} such as FaultCounted: it was shown before */
export async function reportFault(
  context: ClientContext,
  bundle: Bundle,
  other?: Bundle,
  options?: SendOptions,
): Promise<FaultReport> {
  const { findProvableFault } = await import('@weightless/receipt/findProvableFault')
  const fault = findProvableFault(bundle, other)
  if (!fault) throw new NoFaultShownError()
  const { provider, user, jobNonce, chainId } = bundle.receipt
  const settlement = contractAddress(context.config, 'receiptSettlement')
  const isHere = chainId === BigInt(context.config.chain.chainId) && bundle.settlement === settlement.toLowerCase()
  if (!isHere) throw new ForeignFaultError({ chainId: chainId.toString(), settlement: bundle.settlement })
  const sent = await send(context, fault, options)
  const { slashedWei, toUserWei, toReporterWei } = slashedBy(sent)
  const about = { fault: fault.kind, provider, user, jobNonce, transactionHash: sent.transactionHash }
  return { ...about, slashedWei, toUserWei, toReporterWei }
}

function send({ config, ledger }: ClientContext, fault: ProvableFault, options: SendOptions | undefined) {
  const at = { address: contractAddress(config, 'providerStake'), abi: abis.providerStake } as const
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

function slashedBy({ logs }: TransactionReceipt) {
  const [slashed] = parseEventLogs({ abi: abis.providerStake, eventName: 'Slashed', logs })
  const { toUser = 0n, toReporter = 0n, burned = 0n } = slashed?.args ?? {}
  return { slashedWei: toUser + toReporter + burned, toUserWei: toUser, toReporterWei: toReporter }
}

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
