/** What evidence keeps of one question for a fragment: where it was drawn, and, if it was not of the file, all that judges it again. */
import { decodeBase64, encodeBase64, type Hex, isHexOf, reject, textToBytes, type Verdict } from '@weightless/codec'
import { type FrameDigest, fragmentFrameBytesMax, readPlacement, type SignedPlacement } from '@weightless/storage/wire'
import { z } from 'zod'

export type ShownFragment = {
  /** Place in what was drawn from. */
  at: number
  stripe: number
  /** The node signed that it shows this: size and root of the frame, and the signature. */
  shown?: FrameDigest & { signature: Hex }
  /** That which the node signed; where the fragment was not right. */
  placement?: SignedPlacement
  /** Of a signed fragment that is not of the file. */
  frame?: Uint8Array
}

const hexOf = (bytes: number) => z.custom<Hex>((value) => isHexOf(value, bytes))

export const fragmentSchema = z.object({
  at: z.int().min(0).max(255),
  stripe: z.int().min(0),
  shown: z.object({ frameBytes: z.int().min(0), frameRoot: hexOf(32), signature: hexOf(64) }).optional(),
  placement: z.unknown().optional(),
  frame: z
    .string()
    .max(Math.ceil(fragmentFrameBytesMax / 3) * 4)
    .optional(),
})

export function fragmentToJson({ frame, ...rest }: ShownFragment): object {
  return { ...rest, ...(frame && { frame: encodeBase64(frame) }) }
}

export function readShown(json: z.infer<typeof fragmentSchema>): Verdict<ShownFragment, 'malformed'> {
  const { at, stripe, shown, placement, frame } = json
  const read = placement === undefined ? undefined : readPlacement(placement)
  if (read && !read.ok) return reject('malformed', read.code)
  const bytes = frame === undefined ? undefined : decodeBase64(textToBytes(frame))
  if (frame !== undefined && !bytes) return reject('malformed', 'frame')
  return {
    ok: true,
    value: {
      ...{ at, stripe },
      ...(shown && { shown }),
      ...(read && { placement: read.value }),
      ...(bytes && { frame: bytes }),
    },
  }
}
