/** One row of a coded stripe as the two parts of its frame: the head, and the bytes that are sent without being copied. */
import { type FileTree, segmentProof } from '@weightless/crypto'
import { encodeFragmentHead, provedSegment } from '@weightless/storage/wire'
import type { SourceStripe } from './codeSource.ts'
import type { Fragment } from './rowSender.ts'

export function frameRow(file: FileTree, coded: SourceStripe, row: number): Fragment {
  const { stripe, header, rows, parity, rowPaths } = coded
  const { dataRows, parityRows, rowBytes, rowRoot, combinations } = header
  const head = encodeFragmentHead({
    ...{ sizeBytes: file.shape.sizeBytes, stripe, row, dataRows, parityRows, rowBytes, rowRoot, combinations },
    rowPath: rowPaths[row]!,
    segmentProof: segmentProof(file, provedSegment(file.shape, dataRows, stripe, row)),
  })
  return { stripe, head, data: row < dataRows ? rows[row]! : parity[row - dataRows]! }
}
