/** Turns revert data into the reason or custom error that the contract gave. */
import { type Hex, WeightlessError } from '@weightless/codec'
import { type Abi, decodeErrorResult } from 'viem'

export type RevertReason = {
  /** Name of the Solidity error: `Error`, `Panic` or a custom one; undefined when the ABI does not know it. */
  errorName: string | undefined
  args: readonly unknown[]
  /** One line for people. */
  text: string
}

export function decodeRevert(data: Hex | undefined, abi: Abi | readonly unknown[]): RevertReason {
  if (data === undefined || data === '0x') return { errorName: undefined, args: [], text: 'no reason given' }
  try {
    const { errorName, args = [] } = decodeErrorResult({ abi: abi as Abi, data }) as {
      errorName: string
      args?: readonly unknown[]
    }
    const list = args.map(String).join(', ')
    return { errorName, args, text: errorName === 'Error' ? list : `${errorName}(${list})` }
  } catch {
    // A selector that this ABI does not list is still worth showing.
    return { errorName: undefined, args: [], text: `unknown error ${data.slice(0, 10)}` }
  }
}

export class TransactionRevertedError extends WeightlessError {
  readonly reason: RevertReason
  readonly hash: Hex | undefined

  constructor(reason: RevertReason, facts: { to: string | undefined; hash?: Hex }, cause?: unknown) {
    super('ledger/reverted', `The contract refused: ${reason.text}.`, facts, cause === undefined ? {} : { cause })
    this.reason = reason
    this.hash = facts.hash
  }
}
