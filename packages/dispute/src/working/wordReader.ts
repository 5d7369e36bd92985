/** What a rule reads its words and weights with. */
import type { ReadFile } from '../numbers/weightBlock.ts'

/** Words `from` … `from + count − 1` of a table. */
export type ReadWords = (table: number, from: number, count: number) => Uint32Array

export type WordReader = { words: ReadWords; file: ReadFile }
