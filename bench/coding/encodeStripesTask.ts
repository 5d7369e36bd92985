/** A worker of `stripes.ts`: encodes the same stripe again and again; returns the wall seconds that it took. */
import { encodeStripe } from '@weightless/coder'
import { fillWithNoise } from './buildRivals.ts'

type Input = { dataRows: number; parityRows: number; rowBytes: number; stripes: number }

export default function encodeStripes({ dataRows, parityRows, rowBytes, stripes }: Input): number {
  const rows = Array.from({ length: dataRows }, () => new Uint8Array(rowBytes))
  for (const row of rows) fillWithNoise(row)
  const start = performance.now()
  for (let i = 0; i < stripes; i++) encodeStripe({ dataRows, parityRows }, rows, rowBytes)
  return (performance.now() - start) / 1000
}
