/** Draws the next tokens of several conversations after a pass, on all threads of the crew; same bits as `sampleToken`. */
import { isSpread } from '../crew/spread.ts'
import type { EngineParts } from '../model/engineParts.ts'
import { type Draw, type Sample, sampleBytes } from './sampleToken.ts'

/** @param rows - up to `positionsMax`, each the logits as the model gave them and how to draw from them */
export function sampleTogether(parts: EngineParts, rows: readonly { logits: Float32Array; draw: Draw }[]): Sample[] {
  const { arena, round, sampleWeights, samples } = parts
  for (const [i, { logits, draw }] of rows.entries()) {
    const { temperature, topP, high, low } = draw
    const to = samples + i * sampleBytes
    round.add('sampleRow', logits.byteOffset, sampleWeights, logits.length, temperature, topP, high, low, to)
  }
  round.run(isSpread(parts, rows.length))
  return rows.map((_, i) => {
    const record = arena.bytes(samples + i * sampleBytes, sampleBytes).slice()
    return { token: new DataView(record.buffer).getUint32(0, true), record }
  })
}
