/** What gas costs: eth_gasPrice, eth_maxPriorityFeePerGas, eth_feeHistory, blob fees (there are no blobs). */
import { quantityToHex } from '@weightless/codec'
import type { Block } from '../execution/block.ts'
import { nextBaseFee } from '../execution/nextBaseFee.ts'
import { chainLimits } from '../limits.ts'
import { effectiveTip } from '../mempool/orderByPrice.ts'
import { readBlockName, readCount, readList } from './params.ts'
import { type MethodTable, type RpcContext, requireBlock } from './rpcContext.ts'
import { invalidParams, RpcFault } from './rpcFault.ts'

export function feeMethods(context: RpcContext): MethodTable {
  const { engine } = context
  const tip = chainLimits.suggestedPriorityFeePerGas
  return {
    // Twice the base fee leaves room for it to rise between asking and sending.
    eth_gasPrice: () => quantityToHex(engine.nextBaseFeePerGas() * 2n + tip),
    eth_maxPriorityFeePerGas: () => quantityToHex(tip),
    eth_blobBaseFee: () => '0x1',
    eth_baseFee: () => quantityToHex(engine.nextBaseFeePerGas()),
    eth_feeHistory: ([count, newest, percentiles]) => feeHistory(context, count, newest, percentiles),
  }
}

function feeHistory(context: RpcContext, count: unknown, newest: unknown, percentiles: unknown) {
  const wanted = readCount(count, 'blockCount')
  const last = requireBlock(context, readBlockName(newest, 'newestBlock')).header.number
  const shares = percentiles == null ? undefined : readPercentiles(percentiles)
  const size = Math.min(wanted, last + 1, context.limits.feeHistoryBlocksMax)
  if (size === 0) return { oldestBlock: '0x0', gasUsedRatio: [] }
  const blocks: Block[] = []
  for (let number = last - size + 1; number <= last; number++) blocks.push(requireBlock(context, { number }))
  const fees = [...blocks.map(({ header }) => header.baseFeePerGas), nextBaseFee(blocks.at(-1)!.header)]
  return {
    oldestBlock: quantityToHex(blocks[0]!.header.number),
    ...(shares ? { reward: blocks.map((block) => rewards(block, shares).map(quantityToHex)) } : {}),
    baseFeePerGas: fees.map(quantityToHex),
    gasUsedRatio: blocks.map(({ header }) => Number(header.gasUsed) / Number(header.gasLimit)),
    baseFeePerBlobGas: fees.map(() => '0x1'),
    blobGasUsedRatio: blocks.map(() => 0),
  }
}

function readPercentiles(value: unknown): number[] {
  const shares = readList(value, 'rewardPercentiles', 100).map((share) => {
    if (typeof share === 'number' && share >= 0 && share <= 100) return share
    throw new RpcFault('invalid-params', 'invalid reward percentile')
  })
  if (shares.some((share, index) => index > 0 && share < shares[index - 1]!)) {
    throw invalidParams('invalid reward percentile: not in rising order')
  }
  return shares
}

/** The tip at each percentile of the block's gas; the suggested tip for an empty block, so that estimates stay usable. */
function rewards(block: Block, percentiles: readonly number[]): bigint[] {
  if (block.transactions.length === 0) return percentiles.map(() => chainLimits.suggestedPriorityFeePerGas)
  const tips = block.transactions
    .map((transaction, index) => ({
      tip: effectiveTip(transaction, block.header.baseFeePerGas),
      gas: block.receipts[index]!.gasUsed,
    }))
    .sort((a, b) => (a.tip < b.tip ? -1 : a.tip > b.tip ? 1 : 0))
  return percentiles.map((percentile) => {
    const threshold = (block.header.gasUsed * BigInt(Math.round(percentile * 100))) / 10_000n
    let gas = 0n
    for (const entry of tips) {
      gas += entry.gas
      if (gas >= threshold) return entry.tip
    }
    return tips.at(-1)!.tip
  })
}
