/** A task for tests: adds up bytes, fails, or ends its worker. */
import { WeightlessError } from '@weightless/codec'

export default function sumBytes(input: { bytes: Uint8Array; fail?: 'throw' | 'exit' }): { sum: number } {
  if (input.fail === 'throw') throw new WeightlessError('test/refused', 'Refused.')
  if (input.fail === 'exit') process.exit(7)
  return { sum: input.bytes.reduce((sum, byte) => sum + byte, 0) }
}
