/** An execution in which words of one operator's working were changed, and what comes after it is of no meaning: quick to make of any model. */
import { hashLeaf } from '@weightless/crypto'
import type { ReadFile } from '../numbers/weightBlock.ts'
import { digestBytes } from '../numbers/words.ts'
import type { Execution } from '../referee/accused.ts'
import { evaluateChanged, type Fault } from '../referee/probeJob.cases.ts'
import type { SourceRows, Working } from '../working/evaluateWorking.ts'

/**
 * @param faults - all at one operator of one position
 * @param honest - the working of that operator
 * @returns undefined where its output stays as it is
 */
export function changeExecution(
  own: Execution,
  faults: readonly Fault[],
  honest: Working,
  file: ReadFile,
): Execution | undefined {
  const { position, operator } = honest.plan
  const working = evaluateChanged(honest.plan, sourcesOf(honest), file, faults)
  const digest = digestBytes(working.tables.at(-1)!.slice(-8))
  const at = operator * 32
  if (digest.every((byte, i) => byte === own.operators[position]![at + i])) return undefined
  const operators = own.operators.map((digests, t) => {
    const changed = digests.slice()
    for (let o = 0; o < changed.length / 32; o++) {
      if (t < position || (t === position && o < operator)) continue
      const isHere = t === position && o === operator
      changed.set(isHere ? digest : hashLeaf(changed.subarray(o * 32, o * 32 + 32)), o * 32)
    }
    return changed
  })
  return { ...own, operators, work: async () => working }
}

/** The sources as the working has them. */
function sourcesOf({ plan, tables }: Working): SourceRows {
  return (position, operator) => {
    for (const [number, { rule }] of plan.tables.entries()) {
      if (rule.kind !== 'source' || rule.operator !== operator) continue
      const row = position - rule.first
      const at = row * rule.rowWords
      if (row >= 0 && at < tables[number]!.length) return tables[number]!.slice(at, at + rule.rowWords)
    }
    return new Uint32Array()
  }
}
