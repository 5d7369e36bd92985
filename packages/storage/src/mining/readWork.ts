/** Asks the mine contract what a miner is to work on now. Spec: mining §4. */
import { bytesToHex, bytesToUint, type Hex, hexToBytes, textToBytes, WeightlessError } from '@weightless/codec'
import { keccak256, type RecallRange, recallRange, recallRangeDigest, scaledTarget } from '@weightless/crypto'
import type { Ledger } from '@weightless/ledger'

/** One epoch's puzzle for one miner id. */
export type Work = {
  epoch: bigint
  /** Digest of the epoch: what an answer names. */
  contextDigest: Uint8Array
  flowRoot: Uint8Array
  /** Sectors. */
  flowLength: bigint
  subtaskDigest: Uint8Array
  /** 0: nothing to mine now. */
  poraTarget: bigint
  maxShards: bigint
}

/** The same, for a miner of one shard. */
export type Puzzle = {
  work: Work
  range: RecallRange
  rangeDigest: Uint8Array
  /** Largest quality that counts. */
  target: bigint
}

/** The contract answers this question only to a caller that no transaction can come from. */
const worker: Hex = '0x000000000000000000000000000000000000000a'
const selector = bytesToHex(keccak256(textToBytes('computeWorkerContext(bytes32)')).subarray(0, 4))
const answerWords = 9

/** @throws {WorkMalformedError} when the chain answers something else, and the ledger's */
export async function readWork(ledger: Pick<Ledger, 'rpc'>, mine: Hex, minerId: Hex): Promise<Work> {
  const call = { from: worker, to: mine, data: selector + minerId.slice(2) }
  const answer = (await ledger.rpc.request('eth_call', [call, 'latest'])) as Hex
  const bytes = hexToBytes(answer)
  if (bytes.length !== 32 * answerWords) throw new WorkMalformedError({ mine, bytes: bytes.length })
  const word = (index: number) => bytes.subarray(32 * index, 32 * index + 32)
  return {
    epoch: bytesToUint(word(0)),
    flowRoot: word(2),
    flowLength: bytesToUint(word(3)),
    contextDigest: word(5),
    poraTarget: bytesToUint(word(6)),
    subtaskDigest: word(7),
    maxShards: bytesToUint(word(8)),
  }
}

/** Undefined while there is nothing that this shard may mine. */
export function puzzleOf(
  work: Work,
  shard: { numShard: number; shardId: number },
  startSector?: bigint,
): Puzzle | undefined {
  if (work.poraTarget === 0n || BigInt(shard.numShard) > work.maxShards) return undefined
  const range = recallRange(work.flowLength, shard.numShard, shard.shardId, startSector)
  const target = scaledTarget(work.poraTarget, work.flowLength, shard.numShard)
  return range && target > 0n ? { work, range, rangeDigest: recallRangeDigest(range), target } : undefined
}

export class WorkMalformedError extends WeightlessError {
  constructor(facts: { mine: Hex; bytes: number }) {
    super('storage/work-malformed', 'The mine contract does not answer as it should.', facts, {
      hint: 'Is this the address of a PoraMine contract?',
    })
  }
}
