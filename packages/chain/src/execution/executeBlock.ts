/** Runs transactions on a parent block in the EVM and writes the block that results. */
import type { BlockContext, BlockOutput, Evm, InvalidCode } from '@weightless/evm'
import type { EngineWithdrawal } from '../engine.ts'
import type { SignedTransaction } from '../transactions/transaction.ts'
import type { Block } from './block.ts'
import { blockSizeBytes } from './blockRecord.ts'
import { type Header, hashHeader } from './header.ts'

export type ExecuteInput = {
  parentHash: Uint8Array
  /** Differs from the parent's own root after a devnet helper has edited the state. */
  stateRoot: Uint8Array
  context: BlockContext
  parentBeaconBlockRoot: Uint8Array
  extraData: Uint8Array
  transactions: readonly SignedTransaction[]
  withdrawals: readonly EngineWithdrawal[]
  /** `build` leaves out what may not stand in the block, `import` refuses the whole. */
  mode: 'build' | 'import'
}

export type ExecutedBlock = {
  block: Block
  dirtyNodes: BlockOutput['dirtyNodes']
  withdrawals: readonly EngineWithdrawal[]
  rejected: { transaction: SignedTransaction; code: InvalidCode; message: string }[]
}

/** @throws {EvmBlockInvalidError} in `import` mode */
export function executeBlock(evm: Evm, input: ExecuteInput): ExecutedBlock {
  const output = evm.execute({
    ...input.context,
    parentStateRoot: input.stateRoot,
    parentBeaconBlockRoot: input.parentBeaconBlockRoot,
    transactions: input.transactions,
    withdrawals: input.withdrawals,
    mode: input.mode,
  })
  const header = headerOf(input, output)
  const transactions = output.receipts.map((receipt) => input.transactions[receipt.inputIndex]!)
  const raws = transactions.map((transaction) => transaction.raw)
  return {
    block: {
      hash: hashHeader(header),
      header,
      transactions,
      receipts: output.receipts.map((receipt) => ({
        status: receipt.status,
        gasUsed: receipt.gasUsed,
        cumulativeGasUsed: receipt.cumulativeGasUsed,
        effectiveGasPrice: receipt.effectiveGasPrice,
        contractAddress: receipt.contractAddress,
        logs: receipt.logs,
      })),
      sizeBytes: blockSizeBytes(header, raws),
    },
    dirtyNodes: output.dirtyNodes,
    withdrawals: input.withdrawals,
    rejected: output.rejected.map(({ index, code, message }) => ({
      transaction: input.transactions[index]!,
      code,
      message,
    })),
  }
}

function headerOf(input: ExecuteInput, output: BlockOutput): Header {
  const { context } = input
  return {
    parentHash: input.parentHash,
    coinbase: context.coinbase,
    stateRoot: output.stateRoot,
    transactionsRoot: output.transactionsRoot,
    receiptsRoot: output.receiptsRoot,
    logsBloom: output.logsBloom,
    number: context.number,
    gasLimit: context.gasLimit,
    gasUsed: output.gasUsed,
    timestamp: context.timestamp,
    extraData: input.extraData,
    prevRandao: context.prevRandao,
    baseFeePerGas: context.baseFeePerGas,
    withdrawalsRoot: output.withdrawalsRoot,
    blobGasUsed: 0n,
    excessBlobGas: 0n,
    parentBeaconBlockRoot: input.parentBeaconBlockRoot,
  }
}
