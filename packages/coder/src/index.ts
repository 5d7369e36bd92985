export { type CoderEngine, setCoderEngine } from './coderEngine.ts'
export { type CodeShape, CodeShapeInvalidError, checkShape, rowBytesMax, rowsMax } from './codeShape.ts'
export { decodeRows, TooFewRowsError } from './decodeRows.ts'
export { encodeRows } from './encodeRows.ts'
export {
  checkRow,
  codingRoot,
  type EncodedStripe,
  encodeStripe,
  type RowFault,
  type StripeHeader,
  stripeCommitment,
} from './stripe.ts'
