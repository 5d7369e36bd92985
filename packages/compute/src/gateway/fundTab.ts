/** Moves money from a user's prepaid ledger to one provider, when and as far as the gateway was told to. COMPUTE §10.8 */
import { type Hex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type Ledger, TransactionRevertedError } from '@weightless/ledger'
import type { ComputeContracts } from '../provider/startOptions.ts'
import { readPrepaidLedger } from './prepaidLedger.ts'

export type Funder = {
  /** Makes at least `needWei` more available. @throws {BalanceShortError} */
  fund(provider: Hex, needWei: bigint): Promise<void>
}

/** @param ledger - sends as the user herself; a session key cannot move money */
export function createFunder(
  ledger: Ledger,
  { ledgerManager, inferenceServing }: ComputeContracts,
  user: Hex,
  autoFundWei: bigint | undefined,
): Funder {
  const running = new Map<Hex, Promise<void>>()
  const at = { address: ledgerManager, abi: abis.ledgerManager } as const

  async function transfer(provider: Hex, needWei: bigint): Promise<void> {
    if (autoFundWei === undefined || ledger.address?.toLowerCase() !== user) {
      throw new BalanceShortError({ user, provider, needWei }, `Transfer it with LedgerManager.transferFund.`)
    }
    const availableWei = (await readPrepaidLedger(ledger, ledgerManager, user))?.availableWei ?? 0n
    let sent = needWei
    if (autoFundWei > sent) sent = autoFundWei
    if (availableWei < sent) sent = availableWei
    if (sent < needWei || sent === 0n) {
      const facts = { user, provider, needWei, availableWei }
      throw new BalanceShortError(facts, 'Deposit more with LedgerManager.depositFund (or addLedger, the first time).')
    }
    const { fullName } = await ledger.read({ ...at, functionName: 'getServiceInfo', args: [inferenceServing] })
    try {
      await ledger.submit({ ...at, functionName: 'transferFund', args: [provider, fullName, sent] })
    } catch (fault) {
      if (!(fault instanceof TransactionRevertedError)) throw fault
      const facts = { user, provider, needWei, availableWei }
      throw new BalanceShortError(facts, `The contract refused the transfer: ${fault.reason.text}.`)
    }
  }

  return {
    /** Requests that run short together share one transfer. */
    fund(provider, needWei) {
      let transferring = running.get(provider)
      if (!transferring) {
        transferring = transfer(provider, needWei).finally(() => running.delete(provider))
        running.set(provider, transferring)
      }
      return transferring
    },
  }
}

export class BalanceShortError extends WeightlessError {
  constructor(facts: { user: Hex; provider: Hex; needWei: bigint; availableWei?: bigint }, hint: string) {
    super('compute/balance-short', 'The account cannot pay for this job.', facts, { hint })
  }
}
