/** What shows a provider guilty, as one file that anybody judges again: the receipt, its signed root, the accusation. Spec: spec/dispute.md §10 */
import { accept, type Hex, reject, type Verdict } from '@weightless/codec'
import { segmentBytes } from '@weightless/crypto/fileShape'
import type { Accusation, Finding } from '@weightless/dispute'
import {
  bundleShell,
  describeFault,
  hexOf,
  parseText,
  plain,
  receiptToJson,
  samplerSchema,
  shapeSchema,
} from '@weightless/receipt/bundle'
import type { RequestShape, SamplerParameters } from '@weightless/receipt/commitments'
import type { Receipt } from '@weightless/receipt/receipt'
import { z } from 'zod'
import { hash, hexBytes, u32 } from './hexBytes.ts'

/** The whole opening of the answer is no part of it: the question is never told, the answer where a choice under a mask is. */
export type VerdictFile = {
  /** Address of the ReceiptSettlement contract of the EIP-712 domain. */
  settlement: Hex
  receipt: Receipt
  /** Of the receipt. */
  signature: Hex
  /** Opens `receipt.sampler`. */
  sampler: SamplerParameters
  /** The provider's signed root of the working in question; of accusations that are about one. */
  root: { root: Hex; signature: Hex } | undefined
  /** Opens `receipt.inputHash` as far as its shape, of accusations about a choice under a mask; messages stay behind their hash. */
  request: OpenedRequest | undefined
  /** Of an answer with an adapter. */
  adapter?: ShownAdapter | undefined
  accusation: Accusation
  /** What judging gives; whoever judges compares. */
  finding: Extract<Finding, { guilty: true }>
}

export type OpenedRequest = {
  salt: Hex
  /** `requestHash` without the shape. */
  request: Hex
  shape: RequestShape
}

/** An adapter by its root, of which so much is shown as judging reads. */
export type ShownAdapter = {
  /** Root of the model's file: with `root` it is what the receipt names. */
  base: Hex
  root: Hex
  sizeBytes: number
  /** 32 bytes for each segment of its file. */
  segmentRoots: Uint8Array
  segments: readonly { segment: number; bytes: Uint8Array }[]
}

/** A longer text is refused before it is parsed. Two steps of the longest answer of a provider (§9.3) go in. */
export const verdictFileBytesMax = 12 * 1024 * 1024
const stepBytesMax = 2 * 1024 * 1024
/** A rule reads at most two runs; with those of a state and their borders it is below ten. */
const chunksMax = 32
/** Steps of an answer that a choice under a mask is shown with. */
const saidMax = 4_096
/** Of an adapter: its head, and where a number is made from it. */
const segmentsMax = 8
export const adapterBytesMax = 256 * 1024 * 1024
/** Four bytes for each token of the largest vocabulary. */
const logitsBytesMax = 4 * 1024 * 1024

const path = z.array(hash).max(32)
const step = z.strictObject({ position: u32, token: u32, operators: hexBytes(stepBytesMax), path })
const working = z.strictObject({
  step,
  operator: u32,
  chunks: z.array(z.strictObject({ chunk: u32, bytes: hexBytes(1_024), path })).max(chunksMax),
})
const place = z.int().min(0)

const accusation = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('word'), working, table: place, index: place }),
  z.strictObject({ kind: z.literal('bound'), working, table: place, row: place, bound: step }),
  z.strictObject({ kind: z.literal('count'), step }),
  z.strictObject({ kind: z.literal('token'), step, next: step, record: hexBytes(24) }),
  z.strictObject({
    kind: z.literal('choice'),
    step,
    said: z.array(step).max(saidMax),
    logits: hexBytes(logitsBytesMax),
  }),
])

const words = z
  .string()
  .max(400)
  .regex(/^[\x20-\x7e]*$/)
const finding = z.strictObject({
  operator: words,
  position: u32,
  what: words,
  element: place,
  expected: words,
  claimed: words,
})

const shownAdapter = z.strictObject({
  base: hexOf(32),
  root: hexOf(32),
  sizeBytes: z.int().min(1).max(adapterBytesMax),
  segmentRoots: hexBytes((32 * adapterBytesMax) / segmentBytes),
  segments: z.array(z.strictObject({ segment: u32, bytes: hexBytes(segmentBytes) })).max(segmentsMax),
})

const schema = z
  .strictObject({
    ...bundleShell,
    kind: z.literal('dispute'),
    sampler: samplerSchema,
    root: z.strictObject({ root: hexOf(32), signature: hexOf(65) }).optional(),
    request: z.strictObject({ salt: hexOf(32), request: hexOf(32), shape: shapeSchema }).optional(),
    adapter: shownAdapter.optional(),
    accusation,
    finding,
  })
  .refine(({ root, accusation }) => 'working' in accusation === (root !== undefined), {
    path: ['root'],
    message: 'a signed root goes with accusations about a working, and with no others',
  })
  .refine(({ request, accusation }) => (accusation.kind === 'choice') === (request !== undefined), {
    path: ['request'],
    message: 'an opened request goes with accusations about a choice under a mask, and with no others',
  })

/** Checks the form only; `judgeVerdict` of the SDK says whether it shows anything. */
export function readVerdictFile(json: unknown): Verdict<VerdictFile, 'malformed'> {
  const read = schema.safeParse(json)
  if (!read.success) return reject('malformed', describeFault(read.error))
  const { settlement, receipt, signature, sampler, root, request, adapter, accusation, finding } = read.data
  const shown = { settlement, receipt, signature, sampler, root, request, adapter, accusation }
  return accept({ ...shown, finding: { guilty: true, ...finding } })
}

/** Reads the text of a verdict file, however broken. */
export function parseVerdictFile(text: string): Verdict<VerdictFile, 'malformed'> {
  return parseText(text, verdictFileBytesMax, readVerdictFile)
}

/** The JSON value; wide integers as decimal strings, bytes as lower-case hex. */
export function verdictFileToJson(file: VerdictFile): Record<string, unknown> {
  const { settlement, receipt, signature, sampler, root, request, adapter, accusation } = file
  const { guilty: _, ...finding } = file.finding
  return {
    version: 1,
    kind: 'dispute',
    settlement,
    receipt: receiptToJson(receipt),
    signature,
    sampler,
    ...(root && { root }),
    ...(request && { request }),
    ...(adapter && { adapter: plain(adapter) }),
    accusation: plain(accusation),
    finding,
  }
}
