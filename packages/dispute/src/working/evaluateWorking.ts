/** Makes the working of an operator from its inputs and the model's file, word by word, and the tree over its chunks. Spec: spec/dispute.md §2, §3. */
import { WeightlessError } from '@weightless/codec'
import { buildHashTree, type HashTree, hashLeaf } from '@weightless/crypto'
import type { ReadFile } from '../numbers/weightBlock.ts'
import { wordBytes } from '../numbers/words.ts'
import { computeUnit, unitWords } from './computeWord.ts'
import { chunkWords, type Rule, tableOf, type WorkingPlan } from './rules.ts'
import type { ReadWords } from './wordReader.ts'

/** Output of an operator at a position, as f32 words. */
export type SourceRows = (position: number, operator: number) => Uint32Array

export type Working = {
  plan: WorkingPlan
  tables: readonly Uint32Array[]
}

/** @throws {SourceInvalidError} when a source has not the length that the plan says */
export function evaluateWorking(plan: WorkingPlan, sources: SourceRows, file: ReadFile): Working {
  const turns = evaluate(plan, sources, file)
  for (let turn = turns.next(); ; turn = turns.next()) if (turn.done) return turn.value
}

/** The same for who has other things to do: `pause` is awaited every few milliseconds. @throws as `evaluateWorking` */
export async function evaluateInTurns(
  plan: WorkingPlan,
  sources: SourceRows,
  file: ReadFile,
  pause: () => Promise<void>,
): Promise<Working> {
  const turns = evaluate(plan, sources, file)
  for (let turn = turns.next(); ; turn = turns.next()) {
    if (turn.done) return turn.value
    await pause()
  }
}

const unitsPerTurn = 4096

function* evaluate(plan: WorkingPlan, sources: SourceRows, file: ReadFile): Generator<undefined, Working> {
  const tables: Uint32Array[] = []
  const words: ReadWords = (table, from, count) => tables[table]!.subarray(from, from + count)
  let units = 0
  for (const { rule, words: length } of plan.tables) {
    const [number, values, unit] = [tables.length, new Uint32Array(length), unitWords(rule)]
    tables.push(values)
    if (rule.kind === 'source') fillSource(values, rule, sources)
    else {
      for (let at = 0; at < length; at += unit) {
        values.set(computeUnit(plan.tables, number, at, { words, file }), at)
        if (++units % unitsPerTurn === 0) yield
      }
    }
  }
  return { plan, tables }
}

function fillSource(values: Uint32Array, rule: Extract<Rule, { kind: 'source' }>, sources: SourceRows): void {
  for (let row = 0; row * rule.rowWords < values.length; row++) {
    const words = sources(rule.first + row, rule.operator)
    if (words.length !== rule.rowWords) {
      throw new SourceInvalidError({ position: rule.first + row, operator: rule.operator, words: words.length })
    }
    values.set(words, row * rule.rowWords)
  }
}

/** The output that a working comes to: its last table but one. */
export function outputOf(working: Working): Uint32Array {
  return working.tables.at(-2)!
}

/** Chunk `chunk` of the working, as the tree's leaf has it. */
export function chunkBytes(working: Working, chunk: number): Uint8Array {
  const table = tableOf(working.plan, chunk)
  const from = (chunk - working.plan.tables[table]!.chunk) * chunkWords
  return wordBytes(working.tables[table]!.subarray(from, from + chunkWords))
}

export function workingTree(working: Working): HashTree {
  return buildHashTree(Array.from({ length: working.plan.chunks }, (_, chunk) => hashLeaf(chunkBytes(working, chunk))))
}

export class SourceInvalidError extends WeightlessError {
  constructor(facts: { position: number; operator: number; words: number }) {
    super('dispute/source-invalid', 'An input of the operator has another length than the model gives it.', facts)
  }
}
