/**
 * The commitment of a stripe, under which each row can be checked alone: that it is the committed row (path), and that
 * the committed rows are a code word (combination). Spec: coding §4.
 */
import { accept, bytesEqual, concatBytes, reject, type Verdict } from '@weightless/codec'
import { buildHashTree, hashLeaf, hashTreePath, hashTreeRoot, sha256 } from '@weightless/crypto'
import { type CodeShape, checkShape, isRowBytes, powerOfTwoFrom } from './codeShape.ts'
import { challengeOf, combinationBytes, combineRows, extendCombinations } from './combineRows.ts'
import { encodeRows } from './encodeRows.ts'
import { leadsTo, rowLeaf, rowPathLength, rowPosition, rowTree } from './rowTree.ts'

/** What a row is checked against; `stripeCommitment` binds all of it. */
export type StripeHeader = CodeShape & {
  /** A multiple of 64. */
  rowBytes: number
  /** 32 bytes. */
  rowRoot: Uint8Array
  /** 16 * k bytes: the combination of each data row. */
  combinations: Uint8Array
}

export type EncodedStripe = {
  parity: Uint8Array[]
  header: StripeHeader
  /** Sibling hashes of a row, data or parity, from below. */
  rowPath(row: number): Uint8Array[]
}

export type RowFault = 'header-malformed' | 'row-malformed' | 'row-path-wrong' | 'row-combination-wrong'

/** SHA-256(rowRoot || root over the combinations): 32 bytes. k, m and rowBytes are bound through the challenge. */
export function stripeCommitment(header: StripeHeader): Uint8Array {
  const leaves = new Array<Uint8Array>(powerOfTwoFrom(header.dataRows)).fill(zeroCombinationLeaf)
  for (let r = 0; r < header.dataRows; r++) leaves[r] = hashLeaf(combinationOf(header.combinations, r))
  return sha256(concatBytes([header.rowRoot, hashTreeRoot(buildHashTree(leaves))]))
}

/**
 * Encodes and commits: parity rows, header, paths.
 * @param rows k data rows; shorter than `rowBytes` or `undefined` counts as filled up with zeros
 * @throws {CodeShapeInvalidError}
 */
export function encodeStripe(
  shape: CodeShape,
  rows: readonly (Uint8Array | undefined)[],
  rowBytes: number,
): EncodedStripe {
  const { dataRows, parityRows } = shape
  const parity = encodeRows(shape, rows, rowBytes)
  const tree = rowTree(shape, rows, parity, rowBytes)
  const rowRoot = hashTreeRoot(tree)
  const data = Array.from({ length: dataRows }, (_, r) => rows[r])
  const combinations = combineRows(challengeOf(shape, rowBytes, rowRoot), data)
  return {
    parity,
    header: { dataRows, parityRows, rowBytes, rowRoot, combinations },
    rowPath: (row) => hashTreePath(tree, rowPosition(shape, row)),
  }
}

/**
 * Decides whether `data` is row `row` of the stripe: its path leads to `rowRoot`, and its combination is the header's
 * (data rows) or the one to which the code extends the header's (parity rows).
 * The header itself has to be checked before: by `stripeCommitment` under a trusted coding root.
 * @param data shorter than `rowBytes` counts as filled up with zeros
 * @param path from `rowPath`
 */
export function checkRow(
  header: StripeHeader,
  row: number,
  data: Uint8Array,
  path: readonly Uint8Array[],
): Verdict<void, RowFault> {
  if (!isHeader(header)) return reject('header-malformed')
  const { dataRows, parityRows, rowBytes, rowRoot } = header
  if (!Number.isSafeInteger(row) || row < 0 || row >= dataRows + parityRows) {
    return reject('row-malformed', `there are ${dataRows + parityRows} rows`)
  }
  if (data.length > rowBytes) return reject('row-malformed', `a row has ${rowBytes} bytes`)
  if (path.length !== rowPathLength(header) || path.some((hash) => hash.length !== 32)) {
    return reject('row-path-wrong', `a path has ${rowPathLength(header)} hashes of 32 bytes`)
  }
  if (!leadsTo(rowRoot, rowLeaf(data, rowBytes), rowPosition(header, row), path)) return reject('row-path-wrong')
  const combination = combineRows(challengeOf(header, rowBytes, rowRoot), [data])
  return bytesEqual(combination, expectedCombination(header, row)) ? accept(undefined) : reject('row-combination-wrong')
}

/** Root over the commitments of all stripes of a file, in order: SHA-256 tree, an odd last node carried up. */
export function codingRoot(commitments: readonly Uint8Array[]): Uint8Array {
  return hashTreeRoot(buildHashTree(commitments.map(hashLeaf)))
}

function isHeader(header: StripeHeader): boolean {
  return (
    checkShape(header).ok &&
    isRowBytes(header.rowBytes) &&
    header.rowRoot.length === 32 &&
    header.combinations.length === combinationBytes * header.dataRows
  )
}

function expectedCombination(header: StripeHeader, row: number): Uint8Array {
  if (row < header.dataRows) return combinationOf(header.combinations, row)
  return combinationOf(extendCombinations(header, header.combinations), row - header.dataRows)
}

function combinationOf(combinations: Uint8Array, row: number): Uint8Array {
  return combinations.subarray(combinationBytes * row, combinationBytes * (row + 1))
}

const zeroCombinationLeaf = hashLeaf(new Uint8Array(combinationBytes))
