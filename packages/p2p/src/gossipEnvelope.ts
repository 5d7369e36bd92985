/** The bytes of one announcement: when it was made, then JSON; and the checks that need no knowledge of its topic. Spec: p2p §4. */
import {
  accept,
  bytesToText,
  bytesToUint,
  concatBytes,
  reject,
  textToBytes,
  uintToBytes,
  type Verdict,
} from '@weightless/codec'

/** No announcement is longer; a placement with 256 rows takes about 60 KiB. */
export const gossipBytesMax = 131_072

export type EnvelopeFault = 'too-long' | 'malformed' | 'too-old' | 'from-the-future'

/** 8 bytes of milliseconds since the epoch, then the payload as JSON. */
export function encodeEnvelope(payload: unknown, nowMs: number): Uint8Array {
  return concatBytes([uintToBytes(BigInt(nowMs), 8), textToBytes(JSON.stringify(payload))])
}

/** What is too old or too new is to be ignored: the clock of whoever passed it on may be right. The rest is to be refused. */
export function decodeEnvelope(bytes: Uint8Array, bytesMax: number, nowMs: number): Verdict<unknown, EnvelopeFault> {
  if (bytes.length > bytesMax) return reject('too-long')
  if (bytes.length < 10) return reject('malformed')
  const ageMs = nowMs - Number(bytesToUint(bytes.subarray(0, 8)))
  if (ageMs > ageMsMax) return { ok: false, code: 'too-old', action: 'ignore' }
  if (ageMs < -driftMsMax) return { ok: false, code: 'from-the-future', action: 'ignore' }
  try {
    return accept(JSON.parse(bytesToText(bytes.subarray(8))))
  } catch {
    return reject('malformed')
  }
}

const ageMsMax = 300_000
/** By how much the clocks of two nodes may differ. */
export const driftMsMax = 10_000
