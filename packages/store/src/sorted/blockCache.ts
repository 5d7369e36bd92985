/** Blocks of sorted runs that were read last, up to a number of bytes. */
import type { RunBlock } from './runBlock.ts'

export type BlockCache = {
  take(runNumber: number, blockIndex: number, read: () => RunBlock): RunBlock
}

export function createBlockCache(bytesMax: number): BlockCache {
  const blocks = new Map<number, RunBlock>()
  let heldBytes = 0
  return {
    take(runNumber, blockIndex, read) {
      const name = runNumber * blocksMax + blockIndex
      const held = blocks.get(name)
      if (held) {
        blocks.delete(name)
        blocks.set(name, held)
        return held
      }
      const block = read()
      blocks.set(name, block)
      heldBytes += block.bytes.length + blockCostBytes
      for (const [oldest, { bytes }] of blocks) {
        if (heldBytes <= bytesMax || blocks.size === 1) break
        blocks.delete(oldest)
        heldBytes -= bytes.length + blockCostBytes
      }
      return block
    },
  }
}

/** Run numbers are never used again, so a name is never another block's. */
const blocksMax = 2 ** 26
const blockCostBytes = 300
