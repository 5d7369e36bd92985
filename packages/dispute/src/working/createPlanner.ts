/** Lays out tables one after another, with the chains and folds that go with them. Spec: spec/dispute.md §2.1, §3.1, §3.2, §4.1. */
import { WeightlessError } from '@weightless/codec'
import type { GgufTensor } from '@weightless/tensor'
import { hasIntegerProducts } from '@weightless/tensor/gguf/tensorTypes'
import { chunksOf, type FoldRule, type Rule, runWords, statesOf, type Table } from './rules.ts'

export type Planner = ReturnType<typeof createPlanner>

export function createPlanner() {
  const tables: Table[] = []
  let chunks = 0
  function add(name: string, words: number, rule: Rule): number {
    // A product of one matrix is its last fold already.
    if (rule.kind === 'join' && rule.parts.length === 1) return rule.parts[0]!.table
    tables.push({ name, words, chunk: chunks, rule })
    chunks += chunksOf(words)
    return tables.length - 1
  }
  function chain(of: number, rowWords: number, rows: number): void {
    add(`${tables[of]!.name}.chain`, rows * statesOf(rowWords) * 8, { kind: 'chain', of, rowWords })
  }
  function source(name: string, rowWords: number, first: number, operator: number, rows = 1): number {
    const table = add(name, rows * rowWords, { kind: 'source', operator, first, rowWords })
    chain(table, rowWords, rows)
    return table
  }
  /** Folds groups of `groupWords` words until each has one (§3.1). */
  function fold(name: string, how: FoldRule['how'], of: number, words: number, groupWords: number): number {
    let table = of
    let [left, group, rule] = [words, groupWords, how]
    do {
      const runs = Math.ceil(group / runWords)
      left = (left / group) * runs
      table = add(name, left, { kind: 'fold', how: rule, of: table, groupWords: group })
      rule = how === 'max' ? 'max' : 'sum'
      group = runs
    } while (group > 1)
    return table
  }
  function product(x: number, columns: number, matrices: readonly GgufTensor[]): Rule {
    let [q, scale, sum] = [0, 0, 0]
    if (matrices.some(({ type }) => hasIntegerProducts(type))) {
      q = add('q', columns, { kind: 'quantise', x })
      scale = add('scale', columns / 32, { kind: 'scale', x })
      sum = add('sum', columns / 32, { kind: 'sum', q })
    }
    const parts = matrices.map((matrix) => {
      const rows = matrix.shape[1] ?? 1
      if (hasIntegerProducts(matrix.type)) {
        const blocks = columns / 32
        const term = add('term', rows * blocks, { kind: 'term', q, scale, sum, matrix, columns })
        return { table: fold('row', 'sum', term, rows * blocks, blocks), words: rows }
      }
      const runs = Math.ceil(columns / runWords)
      const dot = add('dot', rows * runs, { kind: 'foldWeights', x, matrix, columns })
      return { table: runs === 1 ? dot : fold('row', 'sum', dot, rows * runs, runs), words: rows }
    })
    return { kind: 'join', parts }
  }
  function output(name: string, words: number, rule: Rule): void {
    const table = add(name, words, rule)
    if (table !== tables.length - 1) throw new OperatorUnknownError({ operator: -1 })
    chain(table, words, 1)
  }
  return {
    tables,
    chunks: () => chunks,
    add,
    source,
    fold,
    product,
    output,
  }
}

export class OperatorUnknownError extends WeightlessError {
  constructor(facts: { operator: number; name?: string }) {
    super('dispute/operator-unknown', 'The model has no such operator whose working could be laid out.', facts)
  }
}
