/** What shows a trainer guilty, as one file that anybody judges again: the bundle, its signed roots, the accusation. Spec: spec/dispute.md §14.6 */
import { accept, bytesToHex, reject, type Verdict } from '@weightless/codec'
import type { TrainingAccusation, TrainingFinding } from '@weightless/dispute'
import { describeFault, hexOf, parseText } from '@weightless/receipt/bundle'
import { readTrainingBundle, type TrainingBundle, trainingBundleToJson } from '@weightless/receipt/training'
import { z } from 'zod'
import type { SignedTrainingRoot } from './askTrainingDefender.ts'
import { hash, hexBytes, u32 } from './hexBytes.ts'

export type TrainingVerdictFile = {
  bundle: TrainingBundle
  /** Of the run, and of the step's trace where the accusation is about one. */
  roots: readonly SignedTrainingRoot[]
  accusation: TrainingAccusation
  /** What judging gives; whoever judges compares. */
  finding: Extract<TrainingFinding, { guilty: true }>
}

/** A longer text is refused before it is parsed: all weights of the largest model that is trained, as hex, and as much again for their hashes. */
export const trainingVerdictBytesMax = 192 * 1024 * 1024
const bytesMax = trainingVerdictBytesMax / 2

const path = z.array(hash).max(32)
const leaf = { root: hash, path }
const head = hexBytes(65_536)
const opened = { ...leaf, head, top: hash }
const tables = z.array(z.strictObject({ table: u32, digests: hexBytes(bytesMax), path })).max(65_536)
const row = z.strictObject({ tokens: z.array(u32).max(65_536), mask: z.array(u32).max(65_536) })
const list = z.enum(['p', 'm', 'v'])

const accusation = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('start'), state: z.strictObject(leaf) }),
  z.strictObject({ kind: z.literal('end'), state: z.strictObject(leaf) }),
  z.strictObject({ kind: z.literal('head'), steps: u32, ...opened }),
  z.strictObject({ kind: z.literal('state'), step: u32, after: z.strictObject(leaf), tables }),
  z.strictObject({
    kind: z.literal('word'),
    step: u32,
    before: z.strictObject({ ...leaf, head, digests: hexBytes(bytesMax) }),
    after: z.strictObject(opened),
    rows: z.array(row).min(1).max(256),
    table: u32,
    word: z.int().min(0),
    tables,
    chunks: z.array(z.strictObject({ table: u32, chunk: u32, bytes: hexBytes(65_536) })).max(65_536),
    pieces: z.array(z.strictObject({ list, piece: u32, bytes: hexBytes(4_096) })).max(65_536),
  }),
  z.strictObject({ kind: z.literal('adapter'), head, digests: hexBytes(bytesMax), values: hexBytes(bytesMax) }),
])

const words = z
  .string()
  .max(400)
  .regex(/^[\x20-\x7e]*$/)
const finding = z.strictObject({
  kind: z.enum(['start', 'end', 'head', 'state', 'word', 'adapter']),
  step: u32,
  what: words,
  element: z.int().min(0),
  expected: words,
  claimed: words,
})

const schema = z.strictObject({
  version: z.literal(1),
  kind: z.literal('training-dispute'),
  bundle: z.unknown(),
  roots: z.array(z.strictObject({ place: u32, leaves: u32, root: hexOf(32), signature: hexOf(65) })).max(2),
  accusation,
  finding,
})

export function isTrainingVerdict(json: unknown): boolean {
  return typeof json === 'object' && json !== null && (json as { kind?: unknown }).kind === 'training-dispute'
}

/** Checks the form only; `judgeTrainingVerdict` says whether it shows anything. */
export function readTrainingVerdict(json: unknown): Verdict<TrainingVerdictFile, 'malformed'> {
  const read = schema.safeParse(json)
  if (!read.success) return reject('malformed', describeFault(read.error))
  const bundle = readTrainingBundle(read.data.bundle)
  if (!bundle.ok) return bundle
  const { roots, accusation, finding } = read.data
  return accept({ bundle: bundle.value, roots, accusation, finding: { guilty: true, ...finding } })
}

/** Reads the text of such a file, however broken. */
export function parseTrainingVerdict(text: string): Verdict<TrainingVerdictFile, 'malformed'> {
  return parseText(text, trainingVerdictBytesMax, readTrainingVerdict)
}

export function trainingVerdictToJson({ bundle, roots, accusation, finding }: TrainingVerdictFile): unknown {
  const { guilty: _, ...found } = finding
  const told = { version: 1, kind: 'training-dispute', bundle: trainingBundleToJson(bundle), roots }
  return { ...told, accusation: hexed(accusation), finding: found }
}

/** Bytes as lower-case hex, wherever they are. */
function hexed(value: unknown): unknown {
  if (value instanceof Uint8Array) return bytesToHex(value)
  if (Array.isArray(value)) return value.every((one) => typeof one === 'number') ? value : value.map(hexed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, hexed(one)]))
}
