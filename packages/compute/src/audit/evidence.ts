/**
 * The file behind a report: what was asked of each target, what it answered and signed, and what came of making it again.
 * Whoever has it and the auditor's number can check every line. Spec: spec/alignment.md 10.4
 */
import { type Hex, isHexOf, reject, textToBytes, type Verdict } from '@weightless/codec'
import { type Bundle, bundleToJson, readBundle } from '@weightless/receipt'
import { z } from 'zod'
import { type KeyRecord, keyRecordSchema } from './attestation/keyRecord.ts'
import {
  attestationSchema,
  attestationToJson,
  readAttestation,
  type ShownAttestation,
} from './attestation/shownAttestation.ts'
import type { Judgement } from './judgeAnswer.ts'
import type { DrawnFrom } from './storage/drawFragment.ts'
import { fragmentSchema, fragmentToJson, readShown, type ShownFragment } from './storage/shownFragment.ts'

export type Outcome = {
  /** Which of the prompts, or fragments, drawn for this target. */
  index: number
  /** `missing`: of a fragment that was not shown; by the auditor's word alone. */
  verdict: Judgement['verdict'] | 'missing'
  detail: string
  /** Absent where there was no answer. */
  bundle?: Bundle
  /** A user's, handed over by a gateway; no prompt was drawn for it. */
  isShared?: boolean
  /** Of a storage node. */
  fragment?: ShownFragment
  /** Of a claim of hardware. */
  attestation?: ShownAttestation
  /** Of the key of such a claim: what the chain knows. */
  keyRecord?: KeyRecord
}

export type TargetEvidence = {
  id: Hex
  kind: number
  finding: number
  /** Looked at as a juror: the answers were asked for by others. */
  isJury?: boolean
  /** Of a storage node: what its fragments were drawn from. */
  drawnFrom?: DrawnFrom[]
  outcomes: Outcome[]
}

export type Evidence = { round: bigint; auditor: Hex; beta: Hex; targets: TargetEvidence[] }

/** A file of more bytes is nobody's evidence. */
export const evidenceBytesMax = 4 * 1024 * 1024
const detailLengthMax = 300

export function encodeEvidence({ round, auditor, beta, targets }: Evidence): Uint8Array {
  const json = {
    ...{ version: 1, round: String(round), auditor, beta },
    targets: targets.map(({ outcomes, ...target }) => ({
      ...target,
      outcomes: outcomes.map(({ bundle, fragment, attestation, detail, ...outcome }) => ({
        ...outcome,
        detail: detail.slice(0, detailLengthMax),
        ...(bundle && { bundle: bundleToJson(bundle) }),
        ...(fragment && { fragment: fragmentToJson(fragment) }),
        ...(attestation && { attestation: attestationToJson(attestation) }),
      })),
    })),
  }
  return textToBytes(`${JSON.stringify(json)}\n`)
}

const word = z.custom<Hex>((value) => isHexOf(value, 32))
const address = z.custom<Hex>((value) => isHexOf(value, 20))
const schema = z.object({
  version: z.literal(1),
  round: z.string().regex(/^\d{1,20}$/),
  auditor: address,
  beta: word,
  targets: z
    .array(
      z.object({
        id: word,
        kind: z.int().min(1).max(4),
        finding: z.int().min(1).max(4),
        isJury: z.boolean().optional(),
        drawnFrom: z
          .array(
            z.object({
              root: word,
              sizeBytes: z.int().min(1),
              row: z.int().min(0).max(255),
              fragments: z.int().min(1),
            }),
          )
          .max(256)
          .optional(),
        outcomes: z
          .array(
            z.object({
              index: z.int().min(0).max(1_000),
              verdict: z.enum(['right', 'wrong', 'missing', 'void']),
              detail: z.string().max(detailLengthMax),
              isShared: z.boolean().optional(),
              bundle: z.unknown().optional(),
              fragment: fragmentSchema.optional(),
              attestation: attestationSchema.optional(),
              keyRecord: keyRecordSchema.optional(),
            }),
          )
          .max(64),
      }),
    )
    .max(64),
})

/** Reads what anybody may have written. */
export function readEvidence(bytes: Uint8Array): Verdict<Evidence, 'malformed'> {
  if (bytes.length > evidenceBytesMax) return reject('malformed', 'the file is too large')
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return reject('malformed', 'the file is no JSON')
  }
  const read = schema.safeParse(json)
  if (!read.success) return reject('malformed', read.error.issues[0]?.message ?? 'another form')
  const { round, auditor, beta, targets } = read.data
  const opened: TargetEvidence[] = []
  for (const { outcomes, isJury, drawnFrom, ...target } of targets) {
    const list: Outcome[] = []
    for (const raw of outcomes) {
      const outcome = readOutcome(raw)
      if (!outcome.ok) return outcome
      list.push(outcome.value)
    }
    opened.push({ ...target, ...(isJury && { isJury }), ...(drawnFrom && { drawnFrom }), outcomes: list })
  }
  return { ok: true, value: { round: BigInt(round), auditor, beta, targets: opened } }
}

type RawOutcome = z.infer<typeof schema>['targets'][number]['outcomes'][number]

function readOutcome(raw: RawOutcome): Verdict<Outcome, 'malformed'> {
  const { bundle, fragment, attestation, isShared, keyRecord, ...outcome } = raw
  const answer = bundle === undefined ? undefined : readBundle(bundle)
  if (answer && !answer.ok) return answer
  const shown = fragment && readShown(fragment)
  if (shown && !shown.ok) return shown
  const quoted = attestation && readAttestation(attestation)
  if (quoted && !quoted.ok) return quoted
  return {
    ok: true,
    value: {
      ...outcome,
      ...(isShared && { isShared }),
      ...(answer && { bundle: answer.value }),
      ...(shown && { fragment: shown.value }),
      ...(quoted && { attestation: quoted.value }),
      ...(keyRecord && { keyRecord }),
    },
  }
}
