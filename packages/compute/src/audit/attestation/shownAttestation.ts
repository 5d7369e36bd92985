/** How evidence of hardware stands in an auditor's file. */
import { decodeBase64, encodeBase64, type Hex, isHexOf, reject, textToBytes, type Verdict } from '@weightless/codec'
import { z } from 'zod'

/** What was shown, and for when it was looked at. */
export type ShownAttestation = {
  quote: Uint8Array
  /** As `verifyAttestation` takes it. */
  collateral?: unknown
  /** Of the entry: the key that answers are signed with. */
  signer: Hex
  atSeconds: number
}

/** Quotes, and what is needed to verify them, are of some kilobytes. */
export const quoteBytesMax = 32 * 1024
export const collateralBytesMax = 256 * 1024

export const attestationSchema = z.object({
  quote: z.string().max(Math.ceil(quoteBytesMax / 3) * 4),
  collateral: z.unknown().optional(),
  signer: z.custom<Hex>((value) => isHexOf(value, 20)),
  atSeconds: z.int().min(0),
})

export function attestationToJson({ quote, ...rest }: ShownAttestation): object {
  return { ...rest, quote: encodeBase64(quote) }
}

export function readAttestation(json: z.infer<typeof attestationSchema>): Verdict<ShownAttestation, 'malformed'> {
  const { quote, collateral, signer, atSeconds } = json
  const bytes = decodeBase64(textToBytes(quote))
  if (!bytes) return reject('malformed', 'quote')
  return { ok: true, value: { quote: bytes, signer, atSeconds, ...(collateral !== undefined && { collateral }) } }
}
