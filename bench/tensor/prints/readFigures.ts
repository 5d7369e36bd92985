/** What was measured of an answer, a line of JSON each. */
import { readFileSync } from 'node:fs'
import type { PrintFigures } from '@weightless/receipt/fingerprint/weighPrint'
import type { PrintSet } from './drawAsked.ts'

export type Measured = {
  set: PrintSet
  /** Of the provider. */
  name: string
  index: number
  temperature: number
  top_p: number
  /** Why the answer ended. */
  ended: string
} & (PrintFigures | { fault: string })

/** A last line that was cut off is left out. */
export function readFigures(path: string): Measured[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Measured)
}
