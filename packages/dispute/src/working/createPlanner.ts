/** Lays out tables one after another, with the chains and folds that go with them. Spec: spec/dispute.md §2.1, §3.1, §3.2, §4.1. */
import { WeightlessError } from '@weightless/codec'
import type { GgufTensor } from '@weightless/tensor'
import type { AdapterMatrix, AdapterPlaces } from '@weightless/tensor/adapter/locateAdapter'
import { hasIntegerProducts } from '@weightless/tensor/gguf/tensorTypes'
import { chunksOf, type FoldRule, type Rule, runWords, statesOf, type Table } from './rules.ts'

export type Planner = ReturnType<typeof createPlanner>

/** @param adapter - of the model that the tables are of */
export function createPlanner(adapter?: AdapterPlaces) {
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
    const plain = matrices.map((matrix) => {
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
    return { kind: 'join', parts: plain.map((part, i) => adapted(part, x, matrices[i]!.name)) }
  }
  /** The product with what the adapter adds to it: low = A·x, high = B·low (TENSOR §3.8). */
  function adapted(part: { table: number; words: number }, x: number, name: string) {
    const pair = adapter?.pairs.get(name)
    if (!adapter || !pair) return part
    const { table: of, words } = part
    const high = floatProduct('high', floatProduct('low', x, pair.a), pair.b)
    return { table: add('adapted', words, { kind: 'adapted', of, high, scale: adapter.scale }), words }
  }
  function floatProduct(name: string, x: number, part: AdapterMatrix): number {
    const runs = Math.ceil(part.columns / runWords)
    const table = add(name, part.rows * runs, { kind: 'foldAdapter', x, part })
    return runs === 1 ? table : fold(name, 'sum', table, part.rows * runs, runs)
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
