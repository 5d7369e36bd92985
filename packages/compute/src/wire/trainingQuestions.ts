/** Questions about a training's run, and what is answered, as JSON. Spec: spec/dispute.md §14.5 */
import { bytesToHex, type Hex } from '@weightless/codec'
import { hexOf } from '@weightless/receipt/bundle'
import { z } from 'zod'
import { hash, hexBytes, u32 } from './hexBytes.ts'
import { readByKind } from './readByKind.ts'

const node = { level: z.int().min(0).max(32), index: u32 }

const questionSchema = z.discriminatedUnion('ask', [
  z.strictObject({ ask: z.literal('run') }),
  z.strictObject({ ask: z.literal('states'), ...node }),
  z.strictObject({ ask: z.literal('state'), steps: u32 }),
  z.strictObject({ ask: z.literal('opening'), steps: u32 }),
  z.strictObject({ ask: z.literal('trace'), step: u32 }),
  z.strictObject({ ask: z.literal('tables'), step: u32, ...node }),
  z.strictObject({ ask: z.literal('table'), step: u32, table: u32 }),
  z.strictObject({ ask: z.literal('chunk'), step: u32, table: u32, chunk: u32 }),
])

/** The salt shows that who asks has the opening; the receipt's id is no secret. */
export const trainingDisputeSchema = z.strictObject({ salt: hexOf(32), question: questionSchema })

export type TrainingQuestion = z.infer<typeof questionSchema>

/** What the trainer knows; a root is signed on its way out. */
export type TrainingAnswer =
  | { kind: 'root'; root: Uint8Array; leaves: number }
  | { kind: 'hashes'; hashes: readonly Uint8Array[] }
  | { kind: 'state'; root: Uint8Array; path: readonly Uint8Array[] }
  | { kind: 'opening'; head: Uint8Array; top: Uint8Array }
  | { kind: 'table'; digests: Uint8Array; path: readonly Uint8Array[] }
  | { kind: 'chunk'; bytes: Uint8Array }

/** Bytes of an answer's text: hashes of the chunks of a table of a gigabyte. */
export const trainingAnswerBytesMax = 20 * 1024 * 1024

/** @param signature - of a root */
export function trainingAnswerToJson(answer: TrainingAnswer, signature?: Hex): unknown {
  const { kind, ...fields } = answer
  const told = Object.entries(fields).map(([name, value]) => {
    if (typeof value === 'number') return [name, value]
    return [name, value instanceof Uint8Array ? bytesToHex(value) : value.map(bytesToHex)]
  })
  return { ...Object.fromEntries(told), ...(signature && { signature }) }
}

const path = z.array(hash).max(32)
const answerSchemas = {
  root: z.object({ root: hash, signature: hexOf(65) }),
  hashes: z.object({ hashes: z.array(hash).max(16) }),
  state: z.object({ root: hash, path }),
  opening: z.object({ head: hexBytes(65_536), top: hash }),
  table: z.object({ digests: hexBytes(trainingAnswerBytesMax / 2), path }),
  chunk: z.object({ bytes: hexBytes(65_536) }),
}

export const readTrainingAnswer = <Kind extends keyof typeof answerSchemas>(kind: Kind, json: unknown) =>
  readByKind(answerSchemas, kind, json)
