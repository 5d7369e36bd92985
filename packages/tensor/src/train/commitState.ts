/** The root over everything that the next step of a training depends on: its head, its weights, both moments. Spec: spec/training.md §6.2. */
import { bytesToHex, concatBytes, type Hex, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { EngineParts } from '../model/engineParts.ts'
import { shareOut } from './shareOut.ts'
import type { StateLists } from './stateBytes.ts'

/** Values of a piece of state, the unit of its commitment. */
export const pieceValues = 1024

/** Hashes that one hash of the level above covers: as many as fill a piece. */
export const stateFanIn = 128
/** Rows that one call of the kernel takes at most. */
const rowsMax = 4096
const pieceBytes = pieceValues * 4
const domain = textToBytes('weightless/train-state/1')

/** Pieces of each of the lists, in the order of the tree's leaves: values, means, powers. */
export function pieceCount(length: number): number {
  return length / pieceValues
}

/** Numbers of hashes of each level, from the leaves to one. */
export function stateLevels(length: number): number[] {
  const counts = [3 * pieceCount(length)]
  while (counts.at(-1)! > 1 || counts.length === 1) counts.push(Math.ceil(counts.at(-1)! / stateFanIn))
  return counts
}

/** Address of room for all levels of the tree. */
export function allocateStateTree({ arena }: EngineParts, length: number): number {
  return arena.allocate(stateLevels(length).reduce((sum, count) => sum + count * 32, 0) + 64)
}

/** Fills the tree's levels, one after another from the leaves. @returns the hash at its top */
export function hashState(parts: EngineParts, lists: StateLists, tree: number): Uint8Array {
  const { values, means, powers, length } = lists
  const pieces = pieceCount(length)
  for (const [i, list] of [values, means, powers].entries()) {
    digestRows(parts, list, pieceBytes, tree + i * pieces * 32, pieces)
  }
  let at = tree
  const counts = stateLevels(length)
  for (const count of counts.slice(0, -1)) {
    const above = at + count * 32
    const full = Math.floor(count / stateFanIn)
    digestRows(parts, at, stateFanIn * 32, above, full)
    const rest = count - full * stateFanIn
    if (rest > 0) digestRows(parts, at + full * stateFanIn * 32, rest * 32, above + full * 32, 1)
    at = above
  }
  return parts.arena.bytes(at, 32).slice()
}

/** Levels of the tree whose leaves' hashes lie side by side, from these to the hash at the top. */
export function levelsOf(digests: Uint8Array): Uint8Array[] {
  const levels = [digests]
  do {
    const level = levels.at(-1)!
    const rows: Uint8Array[] = []
    for (let at = 0; at < level.length; at += stateFanIn * 32)
      rows.push(sha256(level.subarray(at, at + stateFanIn * 32)))
    levels.push(concatBytes(rows))
  } while (levels.at(-1)!.length > 32)
  return levels
}

/** The hash at the top of that tree. */
export function topOf(digests: Uint8Array): Uint8Array {
  return levelsOf(digests).at(-1)!
}

function digestRows(parts: EngineParts, from: number, rowBytes: number, to: number, rows: number): void {
  for (let first = 0; first < rows; first += rowsMax) {
    const count = Math.min(rowsMax, rows - first)
    shareOut(parts, 'digestRows', count, count, (start, some) => {
      const at = first + start
      return [from + at * rowBytes, rowBytes, rowBytes, to + at * 32, 32, some]
    })
  }
}

/** @param head - bytes of the state's head @param top - hash at the tree's top */
export function stateRootOf(head: Uint8Array, top: Uint8Array): Hex {
  return bytesToHex(sha256(concatBytes([domain, sha256(head), top])))
}
