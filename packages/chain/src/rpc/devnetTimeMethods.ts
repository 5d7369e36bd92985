/** Blocks and time on demand, for tests: evm_mine, evm_increaseTime, evm_setNextBlockTimestamp, evm_snapshot, evm_revert. */
import { quantityToHex } from '@weightless/codec'
import { optional, readCount } from './params.ts'
import type { MethodTable, RpcContext } from './rpcContext.ts'
import { invalidParams } from './rpcFault.ts'

type Snapshot = { id: number; number: number; shiftSeconds: number }

const snapshotsMax = 1_024

export function devnetTimeMethods(context: RpcContext): MethodTable {
  const { blockTime, driver } = context
  const mine = async ([count, interval]: readonly unknown[]) => {
    const blocks = optional(count, readCount, 'blocks') ?? 1
    if (blocks > context.limits.mineBlocksMax) throw invalidParams(`more than ${context.limits.mineBlocksMax} blocks`)
    await driver.mine(blocks, optional(interval, readCount, 'interval') ?? 0)
    return null
  }
  const increase = ([seconds]: readonly unknown[]) => blockTime.increase(readCount(seconds, 'seconds'))
  const setNext = ([seconds]: readonly unknown[]) => {
    const wanted = readCount(seconds, 'timestamp')
    const head = context.engine.head.header.timestamp
    if (wanted < head)
      throw invalidParams(`Timestamp error: ${wanted} is lower than previous block's timestamp ${head}`)
    blockTime.setNext(wanted, head)
    return null
  }
  return {
    evm_mine: async ([options]) => {
      await mineAt(context, options)
      return '0x0'
    },
    anvil_mine: mine,
    hardhat_mine: mine,
    evm_increaseTime: increase,
    anvil_increaseTime: increase,
    evm_setNextBlockTimestamp: setNext,
    anvil_setNextBlockTimestamp: setNext,
    evm_setTime: ([milliseconds]) => {
      blockTime.setNow(Math.floor(readCount(milliseconds, 'timestamp') / 1000))
      return blockTime.shiftSeconds()
    },
    evm_setAutomine: ([on]) => {
      driver.setAutomine(on === true)
      return true
    },
    anvil_setAutomine: ([on]) => {
      driver.setAutomine(on === true)
      return null
    },
    anvil_getAutomine: () => driver.automine,
    hardhat_getAutomine: () => driver.automine,
    ...snapshotMethods(context),
  }
}

/** evm_mine takes nothing, a timestamp, or ganache's { timestamp, blocks }. */
async function mineAt({ blockTime, driver, engine, limits }: RpcContext, options: unknown): Promise<void> {
  const fields = typeof options === 'object' && options !== null ? (options as { [name: string]: unknown }) : {}
  const timestamp = typeof options === 'object' ? fields.timestamp : options
  const seconds = optional(timestamp, readCount, 'timestamp')
  const blocks = optional(fields.blocks, readCount, 'blocks') ?? 1
  if (blocks > limits.mineBlocksMax) throw invalidParams(`more than ${limits.mineBlocksMax} blocks`)
  if (seconds !== undefined) {
    if (seconds < engine.head.header.timestamp) throw invalidParams('timestamp lower than that of the previous block')
    blockTime.setNext(seconds, engine.head.header.timestamp)
  }
  await driver.mine(blocks)
}

function snapshotMethods({ engine, driver, blockTime }: RpcContext): MethodTable {
  let snapshots: Snapshot[] = []
  let nextId = 1
  const take = () => {
    const id = nextId++
    snapshots.push({ id, number: engine.head.header.number, shiftSeconds: blockTime.shiftSeconds() })
    if (snapshots.length > snapshotsMax) snapshots.shift()
    return quantityToHex(id)
  }
  /** A snapshot serves once, and takes the later ones with it. */
  const revert = async ([value]: readonly unknown[]) => {
    const id = readCount(value, 'id')
    const wanted = snapshots.find((snapshot) => snapshot.id === id)
    if (wanted === undefined) return false
    await driver.exclusively(() => engine.rewind(wanted.number))
    blockTime.restoreShift(wanted.shiftSeconds)
    snapshots = snapshots.filter((snapshot) => snapshot.id < id)
    return true
  }
  const reset = async () => {
    await driver.exclusively(() => engine.rewind(0))
    snapshots = []
    return true
  }
  return {
    evm_snapshot: take,
    anvil_snapshot: take,
    evm_revert: revert,
    anvil_revert: revert,
    anvil_reset: reset,
    hardhat_reset: reset,
  }
}
