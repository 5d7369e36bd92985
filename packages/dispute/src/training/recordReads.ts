/** Which chunks of tables, of the state and of the file one word is made from. */
import { chunkWords, type ReadTable, type StepTable } from './stepTable.ts'

/** @returns the word, and by name the chunks that were read for it */
export function recordReads(
  table: StepTable,
  word: number,
  read: ReadTable,
): { value: number; chunks: ReadonlyMap<string, ReadonlySet<number>> } {
  const chunks = new Map<string, Set<number>>()
  const recorded: ReadTable = (name) => {
    const source = read(name)
    return (index) => {
      const known = chunks.get(name)
      if (known === undefined) chunks.set(name, new Set([Math.floor(index / chunkWords)]))
      else known.add(Math.floor(index / chunkWords))
      return source(index)
    }
  }
  return { value: Math.fround(table.rule(recorded)(word)), chunks }
}
