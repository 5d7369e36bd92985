/**
 * Which part of the flow a node keeps, durable. A node that ran short of room has halved its part by itself, and stays at
 * that until its operator names another part than before. Spec: storage §7.2.
 */
import { bytesToText, textToBytes, WeightlessError } from '@weightless/codec'
import type { KeyValue } from '@weightless/store'
import type { ShardConfigJson } from '../wire/index.ts'

export type ShardKeeper = {
  get(): ShardConfigJson
  /** Durable when it resolves. @throws {ShardInvalidError} */
  change(next: ShardConfigJson): Promise<void>
  /** Whether segments of other parts may still be here. */
  isTidy(): boolean
  /** None are left, if the part is still this one. */
  setTidy(shard: ShardConfigJson): Promise<void>
}

/** The contract that mining pays by knows no more parts. */
export const numShardMax = 256
const key = 'shard'

type Stored = ShardConfigJson & { isTidy: boolean; configured: ShardConfigJson }

/** @param configured what the operator says @throws {ShardInvalidError} */
export async function openShardKeeper(keyValue: KeyValue, configured: ShardConfigJson): Promise<ShardKeeper> {
  checkShard(configured)
  const found = keyValue.get(key)
  const stored = found && (JSON.parse(bytesToText(found)) as Stored)
  // Nothing that was never written can be of another part.
  const isTidy = configured.numShard === 1 || keyValue.size() === 0
  let now: Stored = stored && isSame(stored.configured, configured) ? stored : { ...configured, isTidy, configured }

  async function write(next: Stored): Promise<void> {
    await keyValue.put(key, textToBytes(JSON.stringify(next)))
    now = next
  }

  if (now !== stored) await write(now)
  return {
    get: () => ({ shardId: now.shardId, numShard: now.numShard }),
    async change(next) {
      checkShard(next)
      const { shardId, numShard } = next
      if (!isSame(next, now)) await write({ ...now, shardId, numShard, isTidy: numShard === 1 })
    },
    isTidy: () => now.isTidy,
    async setTidy(shard) {
      if (isSame(shard, now)) await write({ ...now, isTidy: true })
    },
  }
}

function isSame(a: ShardConfigJson, b: ShardConfigJson): boolean {
  return a.numShard === b.numShard && a.shardId === b.shardId
}

function checkShard({ shardId, numShard }: ShardConfigJson): void {
  const isPower = Number.isSafeInteger(numShard) && numShard >= 1 && Number.isInteger(Math.log2(numShard))
  if (isPower && numShard <= numShardMax && Number.isSafeInteger(shardId) && shardId >= 0 && shardId < numShard) return
  throw new ShardInvalidError({ shardId, numShard })
}

export class ShardInvalidError extends WeightlessError {
  constructor(facts: { shardId: number; numShard: number }) {
    super('storage/shard-invalid', 'This is no part of the flow.', facts, {
      hint: `numShard is a power of two up to ${numShardMax}, shardId is below it.`,
    })
  }
}
