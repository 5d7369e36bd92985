/** A need in words, as the chain's rule reads it: texts become hashes, what is not asked for becomes nothing. MARKET §4.2 */
import { bytesToHex, type Hex, textToBytes, WeightlessError } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import type { Need } from './matchNeed.ts'

/** What is left out is not asked for. */
export type Wanted = Partial<Omit<Need, 'serviceType' | 'model' | 'region'>> & {
  /** Such as `chatbot`. */
  serviceType?: string
  /** The model's name in the registry. */
  model?: string
  /** Up to 16 bytes. */
  region?: string
}

const nothing: Hex = `0x${'00'.repeat(32)}`
const priceMaxDefault = (1n << 128n) - 1n

/** @throws {RegionTooLongError} */
export function readNeed({ serviceType, model, region, ...rest }: Wanted): Need {
  return {
    ...{ modelRoot: nothing, inputPriceMax: priceMaxDefault, outputPriceMax: priceMaxDefault },
    ...{ inputTokens: 0, outputTokens: 0, firstTokenMsMax: 0, tokensPerSecondMin: 0, concurrentSlotsMin: 0 },
    ...{ measuredSince: 0n, privacyMin: 0, checks: 0, auditedOnly: false, toleranceBps: 0, redundancy: 1 },
    ...rest,
    serviceType: hashOf(serviceType),
    model: hashOf(model),
    region: regionOf(region ?? ''),
  }
}

const hashOf = (text: string | undefined): Hex => (text === undefined ? nothing : hashOfName(text))

/** As candidates have the names of models and service types. */
export const hashOfName = (text: string): Hex => bytesToHex(keccak256(textToBytes(text)))

function regionOf(text: string): Hex {
  const bytes = textToBytes(text)
  const padded = new Uint8Array(16)
  if (bytes.length > padded.length) throw new RegionTooLongError({ region: text, bytesMax: padded.length })
  padded.set(bytes)
  return bytesToHex(padded)
}

export class RegionTooLongError extends WeightlessError {
  constructor(facts: { region: string; bytesMax: number }) {
    super('contracts/region-too-long', 'A region is a name of at most 16 bytes.', facts)
  }
}
