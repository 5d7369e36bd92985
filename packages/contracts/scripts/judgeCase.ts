/** What a contract is shown that judges one word: the chunks with their proofs. Spec: spec/dispute.md §7. */
import { bytesToHex } from '@weightless/codec'
import { type HashTree, hashTreePath } from '@weightless/crypto'
import type { ReadFile } from '@weightless/dispute'
import { openingArgument } from '@weightless/dispute/contract/accusationArguments'
import { computeUnit, unitWords } from '@weightless/dispute/working/computeWord'
import { chunkWords, type Draw, type WorkingPlan } from '@weightless/dispute/working/rules'
import { adjustOf } from './disputeRig.ts'

export type Reads = { chunks: number[]; file: { from: number; count: number } | undefined; expected: Uint32Array }

/** What the rule of a unit reads, found by computing it. @param words - of every table, as far as they are read */
export function readsOf(
  plan: WorkingPlan,
  words: (table: number, from: number, count: number) => Uint32Array,
  file: ReadFile,
  table: number,
  index: number,
): Reads {
  const chunks = new Set<number>()
  let range: Reads['file']
  const touch = (of: number, from: number, count: number) => {
    const { chunk } = plan.tables[of]!
    for (let word = from; count > 0 && word < from + count; word++) chunks.add(chunk + Math.floor(word / chunkWords))
  }
  touch(table, index, unitWords(plan.tables[table]!.rule))
  const expected = computeUnit(plan.tables, table, index, {
    words(of, from, count) {
      touch(of, from, count)
      return words(of, from, count)
    },
    file(from, count) {
      range = { from, count }
      return file(from, count)
    },
  })
  return { chunks: [...chunks], file: range, expected }
}

/** `Opening` of solidity/dispute/judge/WorkingChunks.sol, with its path. */
export function openingOf(tree: HashTree, chunk: number, bytes: Uint8Array) {
  return openingArgument({ chunk, bytes, path: hashTreePath(tree, chunk) })
}

/** A unit as a contract has it: the first word highest. */
export function packWords(words: Uint32Array): bigint {
  return words.reduce((packed, word) => (packed << 32n) | BigInt(word), 0n)
}

/**
 * `Draw` of solidity/dispute/judge/Model.sol.
 * @param token - whose word is accused; without one no bias is told
 */
export function drawArgument(draw: Draw, token?: number) {
  const { temperature, topP, seed32, index } = draw
  const { presenceBits, frequencyBits, biased, biasBits } = adjustOf(draw)
  const at = token === undefined ? -1 : biased.indexOf(token)
  return {
    temperature: BigInt(new Uint32Array(Float32Array.of(temperature).buffer)[0]!),
    topP: new BigUint64Array(Float64Array.of(topP).buffer)[0]!,
    seed: bytesToHex(seed32),
    index: BigInt(index),
    presenceBits,
    frequencyBits,
    isBiased: biased.length > 0,
    bias: biasBits[at] ?? (1n << 256n) - 1n,
  }
}
