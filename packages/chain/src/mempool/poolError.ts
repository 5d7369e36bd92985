/** Why the pool does not take a transaction, in geth's words, because wallets and libraries match on them. */
import { bytesToHex, reject, type Verdict } from '@weightless/codec'

export type PoolFault =
  | 'malformed'
  | 'type-unsupported'
  | 'invalid-signature'
  | 'invalid-sender'
  | 'chain-id'
  | 'oversized'
  | 'already-known'
  | 'nonce-too-low'
  | 'nonce-too-high'
  | 'insufficient-funds'
  | 'intrinsic-gas'
  | 'gas-limit'
  | 'init-code-size'
  | 'tip-above-fee'
  | 'fee-below-base'
  | 'replacement-underpriced'
  | 'account-limit'
  | 'pool-full'

export type PoolVerdict<Value> = Verdict<Value, PoolFault>

export const poolFaults = {
  invalidSender: () => reject<PoolFault>('invalid-sender', 'invalid sender'),
  chainId: (have: number | undefined, want: number) =>
    reject<PoolFault>('chain-id', `invalid sender: invalid chain id for signer: have ${have ?? 0} want ${want}`),
  unprotected: () => reject<PoolFault>('chain-id', 'only replay-protected (EIP-155) transactions allowed over RPC'),
  oversized: (bytes: number, limit: number) =>
    reject<PoolFault>('oversized', `oversized data: transaction size ${bytes}, limit ${limit}`),
  alreadyKnown: () => reject<PoolFault>('already-known', 'already known'),
  nonceTooLow: (next: number, have: number) =>
    reject<PoolFault>('nonce-too-low', `nonce too low: next nonce ${next}, tx nonce ${have}`),
  nonceTooHigh: (next: number, have: number) =>
    reject<PoolFault>('nonce-too-high', `nonce too high: next nonce ${next}, tx nonce ${have}`),
  insufficientFunds: (balance: bigint, cost: bigint, queued: bigint) =>
    reject<PoolFault>(
      'insufficient-funds',
      `insufficient funds for gas * price + value: balance ${balance}, ${queued > 0n ? `queued cost ${queued}, ` : ''}tx cost ${cost}, overshot ${cost + queued - balance}`,
    ),
  intrinsicGas: (gas: bigint, needed: bigint) =>
    reject<PoolFault>('intrinsic-gas', `intrinsic gas too low: gas ${gas}, minimum needed ${needed}`),
  gasLimit: () => reject<PoolFault>('gas-limit', 'exceeds block gas limit'),
  initCodeSize: (bytes: number, limit: number) =>
    reject<PoolFault>('init-code-size', `max initcode size exceeded: code size ${bytes}, limit ${limit}`),
  tipAboveFee: (tip: bigint, fee: bigint) =>
    reject<PoolFault>(
      'tip-above-fee',
      `max priority fee per gas higher than max fee per gas: tip ${tip}, maxFeePerGas ${fee}`,
    ),
  feeBelowBase: (sender: Uint8Array, fee: bigint, base: bigint) =>
    reject<PoolFault>(
      'fee-below-base',
      `max fee per gas less than block base fee: address ${bytesToHex(sender)}, maxFeePerGas: ${fee}, baseFee: ${base}`,
    ),
  replacementUnderpriced: () => reject<PoolFault>('replacement-underpriced', 'replacement transaction underpriced'),
  accountLimit: (limit: number) => reject<PoolFault>('account-limit', `account limit exceeded: ${limit} transactions`),
  poolFull: () => reject<PoolFault>('pool-full', 'txpool is full'),
}
