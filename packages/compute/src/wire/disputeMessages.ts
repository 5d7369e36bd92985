/** Questions about an answer's working, and what is answered, as JSON. Spec: spec/dispute.md §9 */
import { bytesToHex, type Hex } from '@weightless/codec'
import type { StepOpening } from '@weightless/dispute'
import { hexOf } from '@weightless/receipt/bundle'
import { z } from 'zod'
import { hash, hexBytes, u32 } from './hexBytes.ts'
import { readByKind } from './readByKind.ts'

/** Where a receipt's working is asked about, at its provider and at a gateway. @param id - hash of the receipt */
export const disputePath = (id: string): string => `/v1/receipts/${id}/dispute`

/** The receipt's id, in lower case; undefined when the path is another. */
export function disputedReceipt(path: string): Hex | undefined {
  return /^\/v1\/receipts\/(0x[0-9a-fA-F]{64})\/dispute$/.exec(path)?.[1]?.toLowerCase() as Hex | undefined
}

const at = { position: u32, operator: u32 }
const node = { level: z.int().min(0).max(32), index: u32 }

const questionSchema = z.discriminatedUnion('ask', [
  z.strictObject({ ask: z.literal('trace'), ...node }),
  z.strictObject({ ask: z.literal('step'), position: u32 }),
  z.strictObject({ ask: z.literal('root'), ...at }),
  z.strictObject({ ask: z.literal('hashes'), ...at, ...node }),
  z.strictObject({ ask: z.literal('chunk'), ...at, chunk: u32 }),
])

/** The salt shows that who asks has the opening; the receipt's id is public. */
export const disputeRequestSchema = z.strictObject({
  salt: hexOf(32),
  choice: z.int().min(0).max(15),
  question: questionSchema,
})

export type DisputeQuestion = z.infer<typeof questionSchema>

/** What the engine knows; the root is signed on its way out. */
export type DisputeAnswer =
  | { kind: 'hashes'; hashes: readonly Uint8Array[] }
  | { kind: 'step'; step: StepOpening }
  | { kind: 'root'; root: Uint8Array }
  | { kind: 'chunk'; bytes: Uint8Array }

/** Bytes of a question. */
export const questionBytesMax = 1_024
/** Bytes of an answer: a step of a model with tens of thousands of operators. */
export const disputeAnswerBytesMax = 4 * 1024 * 1024

export function disputeAnswerToJson(answer: DisputeAnswer, signature?: Hex): unknown {
  if (answer.kind === 'hashes') return { hashes: answer.hashes.map(bytesToHex) }
  if (answer.kind === 'root') return { root: bytesToHex(answer.root), signature }
  if (answer.kind === 'chunk') return { bytes: bytesToHex(answer.bytes) }
  const { token, operators, path } = answer.step
  return { token, operators: bytesToHex(operators), path: path.map(bytesToHex) }
}

const bytes = hexBytes(disputeAnswerBytesMax)
const answerSchemas = {
  hashes: z.object({ hashes: z.array(hash).max(16) }),
  step: z.object({ token: u32, operators: bytes, path: z.array(hash).max(32) }),
  root: z.object({ root: hash, signature: hexOf(65) }),
  chunk: z.object({ bytes }),
}

export const readDisputeAnswer = <Kind extends keyof typeof answerSchemas>(kind: Kind, json: unknown) =>
  readByKind(answerSchemas, kind, json)
