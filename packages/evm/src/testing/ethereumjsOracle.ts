/** An independent implementation to compare with: @ethereumjs/vm over its own state trie, fed with the same inputs as our engine. */
import { createBlock, genWithdrawalsTrieRoot } from '@ethereumjs/block'
import { type Common, createCustomCommon, Hardfork, Mainnet } from '@ethereumjs/common'
import { createTxFromRLP } from '@ethereumjs/tx'
import {
  Account,
  Address,
  createAddressFromBigInt,
  createWithdrawal,
  createZeroAddress,
  unpadBytes,
} from '@ethereumjs/util'
import { createVM, runBlock } from '@ethereumjs/vm'
import type { AccountChange, BlockInput } from '../evm.ts'

export type OracleBlock = {
  stateRoot: Uint8Array
  transactionsRoot: Uint8Array
  receiptsRoot: Uint8Array
  withdrawalsRoot: Uint8Array
  logsBloom: Uint8Array
  gasUsed: bigint
  receipts: {
    status: number
    cumulativeGasUsed: bigint
    bloom: Uint8Array
    logs: [Uint8Array, Uint8Array[], Uint8Array][]
  }[]
}

export type Oracle = {
  common: Common
  applyState(changes: readonly AccountChange[]): Promise<Uint8Array>
  /** On top of the oracle's own last state. */
  execute(block: BlockInput): Promise<OracleBlock>
}

export const oracleChainId = 31337

/** Prague's execution rules; its requests to the consensus layer (EIP-7685) are left out, as they are in our engine. */
const pragueEips = [2537, 2935, 7623, 7702]

const eipsOf = { cancun: [], 'cancun-p256': [7951], prague: pragueEips }

export async function createOracle(rules: keyof typeof eipsOf = 'cancun'): Promise<Oracle> {
  const common = createCustomCommon({ chainId: oracleChainId, name: 'oracle' }, Mainnet, {
    hardfork: Hardfork.Cancun,
    eips: eipsOf[rules],
  })
  const hashes = new Map<bigint, Uint8Array>()
  const blockchain = {
    getBlock: async (number: bigint) => ({ hash: () => hashes.get(BigInt(number)) ?? new Uint8Array(32) }),
    putBlock: async () => {},
    shallowCopy: () => blockchain,
  }
  const vm = await createVM({ common, blockchain: blockchain as never })
  const state = vm.stateManager

  async function applyChange(change: AccountChange): Promise<void> {
    const address = new Address(change.address)
    const account = (await state.getAccount(address)) ?? new Account()
    if (change.balance !== undefined) account.balance = change.balance
    if (change.nonce !== undefined) account.nonce = change.nonce
    await state.putAccount(address, account)
    if (change.code) await state.putCode(address, change.code)
    if (change.clearStorage) await state.clearStorage(address)
    for (const { slot, value } of change.storage ?? []) await state.putStorage(address, slot, unpadBytes(value))
  }

  return {
    common,
    async applyState(changes) {
      await vm.evm.journal.checkpoint()
      for (const change of changes) await applyChange(change)
      await vm.evm.journal.commit()
      return state.getStateRoot()
    },
    async execute(input) {
      for (const [index, hash] of input.blockHashes.entries()) hashes.set(BigInt(input.number - 1 - index), hash)
      const transactions = input.transactions.map(({ raw }) => createTxFromRLP(raw, { common }))
      const withdrawals = input.withdrawals.map((withdrawal) =>
        createWithdrawal({
          index: BigInt(withdrawal.index),
          validatorIndex: BigInt(withdrawal.validatorIndex),
          address: new Address(withdrawal.address),
          amount: withdrawal.amountGwei,
        }),
      )
      const block = createBlock(
        {
          header: {
            number: BigInt(input.number),
            timestamp: BigInt(input.timestamp),
            coinbase: new Address(input.coinbase),
            gasLimit: input.gasLimit,
            baseFeePerGas: input.baseFeePerGas,
            mixHash: input.prevRandao,
            parentHash: input.blockHashes[0] ?? new Uint8Array(32),
            ...(input.parentBeaconBlockRoot && { parentBeaconBlockRoot: input.parentBeaconBlockRoot }),
          },
          transactions,
          withdrawals,
        },
        { common, skipConsensusFormatValidation: true },
      )
      const result = await runBlock(vm, {
        block,
        generate: true,
        skipBlockValidation: true,
        skipHeaderValidation: true,
        skipHardForkValidation: true,
      })
      return {
        stateRoot: result.stateRoot,
        transactionsRoot: await block.genTxTrie(),
        receiptsRoot: result.receiptsRoot,
        withdrawalsRoot: await genWithdrawalsTrieRoot(withdrawals),
        logsBloom: result.logsBloom,
        gasUsed: result.gasUsed,
        receipts: result.receipts.map((receipt) => ({
          status: Number((receipt as { status: number }).status),
          cumulativeGasUsed: receipt.cumulativeBlockGasUsed,
          bloom: receipt.bitvector,
          logs: receipt.logs as [Uint8Array, Uint8Array[], Uint8Array][],
        })),
      }
    },
  }
}

export const zeroAddress: Uint8Array = createZeroAddress().bytes
export const addressOf = (value: bigint): Uint8Array => createAddressFromBigInt(value).bytes
