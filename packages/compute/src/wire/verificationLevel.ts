/** How much a user buys of checking: what each level does, costs in answers, and finds. Spec: COMPUTE §10.10 */
import { bytesToUint, textToBytes } from '@weightless/codec'
import { z } from 'zod'
import { parseJson } from './parseJson.ts'

/** `share`: of the answers, that are executed again. `copies`: providers that must agree. */
export type VerificationLevel =
  | { level: 'none' }
  | { level: 'sampled'; share: number }
  | { level: 'refereed' }
  | { level: 'full'; copies: number }

/** Asks for a level; the answer's says what was done. */
export const verificationHeader = 'x-weightless-verification'

const shareDefault = 0.1
const copiesDefault = 2
const copiesMax = 5

const share = z.number().gt(0).max(1)
const copies = z.int().min(2).max(copiesMax)

/** As in the body's `provider.verification`. */
export const verificationSchema = z.discriminatedUnion('level', [
  z.strictObject({ level: z.literal('none') }),
  z.strictObject({ level: z.literal('sampled'), share: share.default(shareDefault) }),
  z.strictObject({ level: z.literal('refereed') }),
  z.strictObject({ level: z.literal('full'), copies: copies.default(copiesDefault) }),
])

/**
 * A header such as `sampled; share=0.1` or `full; copies=3`, as an object that `verificationSchema` judges; null for what
 * has no such form.
 */
export function splitVerificationHeader(text: string): Record<string, unknown> | null {
  const match = /^([a-z]{1,16})(?:; ?(share|copies)=(\d{1,6}(?:\.\d{1,12})?))?$/.exec(text)
  if (!match) return null
  const [, level, name, value] = match
  return { level, ...(name !== undefined && { [name]: Number(value) }) }
}

export function verificationHeaderOf(wanted: VerificationLevel): string {
  if (wanted.level === 'sampled') return `sampled; share=${Number(wanted.share.toFixed(12))}`
  return wanted.level === 'full' ? `full; copies=${wanted.copies}` : wanted.level
}

const statementBytesMax = 8_192

const statementSchema = z.object({
  outcome: z.enum(['pending', 'agreed', 'decided', 'differs']),
  answers: z
    .array(
      z.object({
        provider: z.string().regex(/^0x[0-9a-f]{40}$/),
        receipt: z.string().max(256),
        outcome: z.enum(['agreed', 'differs']),
      }),
    )
    .max(copiesMax)
    .default([]),
})

/** What the answer's header says was done; the gateway's word until its receipts are compared. */
export type VerificationStatement = z.infer<typeof statementSchema>

/** Undefined for what is no such header. */
export function readVerificationStatement(text: string | undefined): VerificationStatement | undefined {
  if (text === undefined || text.length > statementBytesMax) return undefined
  const read = statementSchema.safeParse(parseJson(textToBytes(text)))
  return read.success ? read.data : undefined
}

/** Answers that are made and paid for. */
export function answersOf(wanted: VerificationLevel): number {
  if (wanted.level === 'full') return wanted.copies
  return wanted.level === 'refereed' ? 2 : 1
}

/** Chance that a wrong answer is found; of copies as long as not all of their providers are in league. */
export function detectionOf(wanted: VerificationLevel): number {
  if (wanted.level === 'none') return 0
  return wanted.level === 'sampled' ? wanted.share : 1
}

/** Whether chance takes an answer into the share that is executed again. */
export function isDrawn(random: { bytes(count: number): Uint8Array }, share: number): boolean {
  return Number(bytesToUint(random.bytes(6))) < share * 2 ** 48
}
