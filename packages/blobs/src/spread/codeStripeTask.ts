/** Runs in a worker: parity, row paths and commitment of one stripe. The rows that came in go back with the answer. */
import { type CodeShape, encodeStripe, type StripeHeader, stripeCommitment } from '@weightless/coder'

export type StripeInput = {
  shape: CodeShape
  rowBytes: number
  /** The data rows, each in a buffer of its own, because buffers are moved. Missing ones count as zeros. */
  rows: Uint8Array<ArrayBuffer>[]
}

export type CodedStripe = {
  /** The data rows that came in. Each is freed when it has left: a slow holder keeps its own rows alone. */
  rows: Uint8Array<ArrayBuffer>[]
  parity: Uint8Array<ArrayBuffer>[]
  header: StripeHeader
  /** Of all k + m rows. */
  rowPaths: Uint8Array[][]
  commitment: Uint8Array
}

export default function codeStripe({ shape, rowBytes, rows }: StripeInput): CodedStripe {
  const { dataRows, parityRows } = shape
  const filled = Array.from({ length: dataRows }, (_, row) => rows[row])
  const stripe = encodeStripe(shape, filled, rowBytes)
  return {
    rows,
    parity: stripe.parity.map(ownBuffer),
    header: stripe.header,
    rowPaths: Array.from({ length: dataRows + parityRows }, (_, row) => stripe.rowPath(row)),
    commitment: stripeCommitment(stripe.header),
  }
}

export function transferOf({ rows, parity }: CodedStripe): ArrayBuffer[] {
  return [...rows, ...parity].map(({ buffer }) => buffer)
}

/** Buffers that are moved must not be shared with anything else. */
function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const isOwn = bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
  return isOwn ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
}
