/** SHA-256 trees: over the rows of a stripe (rsema1d's form), over combinations, over stripes. Spec: coding §4, §5. */
import { bytesEqual } from '@weightless/codec'
import { buildHashTree, createSha256, type HashTree, hashNode } from '@weightless/crypto'
import { coderEngine } from './coderEngine.ts'
import { type CodeShape, powerOfTwoFrom } from './codeShape.ts'

const leafTag = new Uint8Array([0])
const zeros = new Uint8Array(64 * 1024)

/** Leaf of a row; what is missing to `rowBytes` counts as zeros. */
export function rowLeaf(row: Uint8Array | undefined, rowBytes: number): Uint8Array {
  const length = row?.length ?? 0
  const stream = createSha256()
  stream.update(leafTag)
  if (row) stream.update(row)
  for (let left = rowBytes - length; left > 0; left -= zeros.length) {
    stream.update(zeros.subarray(0, Math.min(left, zeros.length)))
  }
  return stream.digest()
}

/** Data from position 0, zero rows up to a power of two, parity, zero rows up to a power of two. */
export function rowTree(
  shape: CodeShape,
  data: readonly (Uint8Array | undefined)[],
  parity: readonly Uint8Array[],
  rowBytes: number,
): HashTree {
  const zeroLeaf = rowLeaf(undefined, rowBytes)
  const leaves = new Array<Uint8Array>(treeWidth(shape)).fill(zeroLeaf)
  const placed: PlacedRow[] = []
  for (let r = 0; r < shape.dataRows; r++) if (data[r]) placed.push({ position: r, row: data[r]! })
  for (const [p, row] of parity.entries()) placed.push({ position: rowPosition(shape, shape.dataRows + p), row })
  hashRows(placed, rowBytes, leaves)
  return buildHashTree(leaves)
}

type PlacedRow = { position: number; row: Uint8Array }

/** Two at a time where the engine can. */
function hashRows(placed: readonly PlacedRow[], rowBytes: number, leaves: Uint8Array[]): void {
  const engine = coderEngine()
  const alone = engine ? placed.filter(({ row }) => row.length !== rowBytes) : [...placed]
  const whole = engine ? placed.filter(({ row }) => row.length === rowBytes) : []
  if (whole.length % 2 === 1) alone.push(whole.pop()!)
  for (let i = 0; i < whole.length; i += 2) {
    const [first, second] = [whole[i]!, whole[i + 1]!]
    const hashes = new Uint8Array(64)
    engine!.leafPair(first.row, second.row, hashes)
    leaves[first.position] = hashes.slice(0, 32)
    leaves[second.position] = hashes.slice(32)
  }
  for (const { position, row } of alone) leaves[position] = rowLeaf(row, rowBytes)
}

/** Leaf at which a row stands in the row tree. */
export function rowPosition({ dataRows }: CodeShape, row: number): number {
  return row < dataRows ? row : powerOfTwoFrom(dataRows) + row - dataRows
}

/** Siblings on the way of every row. */
export function rowPathLength(shape: CodeShape): number {
  return Math.log2(treeWidth(shape))
}

function treeWidth({ dataRows, parityRows }: CodeShape): number {
  return powerOfTwoFrom(powerOfTwoFrom(dataRows) + parityRows)
}

/** Whether `leaf` stands at `position` under `root`; the caller has compared the length of the path. */
export function leadsTo(root: Uint8Array, leaf: Uint8Array, position: number, path: readonly Uint8Array[]): boolean {
  const top = path.reduce((node, sibling, height) => {
    const isRight = (position >>> height) & 1
    return isRight ? hashNode(sibling, node) : hashNode(node, sibling)
  }, leaf)
  return bytesEqual(top, root)
}
