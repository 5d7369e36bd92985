/** A file coded into the fragments that its holders get, without the product's own writer. */
import { bytesToHex, type Hex, uintToBytes } from '@weightless/codec'
import { codingRoot, type EncodedStripe, encodeStripe, stripeCommitment } from '@weightless/coder'
import { type FileTree, segmentBytes, segmentDataBytes, segmentProof } from '@weightless/crypto'
import {
  encodeFragmentFrame,
  type FragmentFrame,
  hasRow,
  type Placement,
  provedSegment,
  type Redundancy,
  rowBytesOf,
  stripesOf,
} from '../wire/index.ts'

export type CodedFile = {
  stripes: number
  codingRoot: Hex
  lastCommitment: Hex
  /** Undefined where the last stripe does not have the row. */
  fragment(stripe: number, row: number): FragmentFrame | undefined
  /** All frames of a row as a body. */
  body(row: number, from?: number, to?: number): Uint8Array
  placement(holders: readonly Hex[], chainId: number, version?: number): Placement
}

export function codeFile(bytes: Uint8Array, tree: FileTree, redundancy: Redundancy): CodedFile {
  const { dataRows, parityRows } = redundancy
  const { shape } = tree
  const stripes = Array.from({ length: stripesOf(shape, dataRows) }, (_, stripe) => {
    const rows = Array.from({ length: dataRows }, (_, row) => segmentOf(bytes, tree, stripe * dataRows + row))
    return { rows, coded: encodeStripe(redundancy, rows, rowBytesOf(shape, dataRows, stripe)) }
  })
  const commitments = stripes.map(({ coded }) => stripeCommitment(coded.header))

  function fragment(stripe: number, row: number): FragmentFrame | undefined {
    if (!hasRow(shape, dataRows, stripe, row)) return undefined
    const { rows, coded } = stripes[stripe] as { rows: Uint8Array[]; coded: EncodedStripe }
    const { rowBytes, rowRoot, combinations } = coded.header
    return {
      ...{ sizeBytes: shape.sizeBytes, stripe, row, dataRows, parityRows, rowBytes, rowRoot, combinations },
      rowPath: coded.rowPath(row),
      segmentProof: segmentProof(tree, provedSegment(shape, dataRows, stripe, row)),
      data: row < dataRows ? rows[row]! : coded.parity[row - dataRows]!,
    }
  }

  const root = bytesToHex(tree.root)
  return {
    stripes: stripes.length,
    codingRoot: bytesToHex(codingRoot(commitments)),
    lastCommitment: bytesToHex(commitments.at(-1)!),
    fragment,
    body(row, from = 0, to = stripes.length) {
      const frames = Array.from({ length: to - from }, (_, at) => fragment(from + at, row))
      return toBody(frames.filter((frame) => frame !== undefined))
    },
    placement: (holders, chainId, version = 1) => ({
      ...{ chainId, root, sizeBytes: shape.sizeBytes, dataRows, parityRows },
      ...{ codingRoot: bytesToHex(codingRoot(commitments)), version, holders },
    }),
  }
}

export function toBody(frames: readonly FragmentFrame[]): Uint8Array {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const encoded = encodeFragmentFrame(frame)
      return [uintToBytes(BigInt(encoded.length), 4), encoded]
    }),
  )
}

function segmentOf(bytes: Uint8Array, { shape }: FileTree, index: number): Uint8Array | undefined {
  if (index >= shape.segments) return undefined
  const data = new Uint8Array(segmentDataBytes(shape, index))
  data.set(bytes.subarray(index * segmentBytes, index * segmentBytes + data.length))
  return data
}
