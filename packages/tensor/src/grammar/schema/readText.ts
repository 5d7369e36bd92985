/** Patterns and formats of a string as a machine. Spec: spec/tensor.md §7.3.1. */
import type { Expression, ExpressionBuilder } from '../expression.ts'
import { formats } from '../text/formats.ts'
import { parsePattern, patternLimits, type Search } from '../text/parsePattern.ts'
import { type TextBudget, textLimits } from '../text/searchAutomaton.ts'
import { createTextMachine } from '../text/textMachine.ts'
import { makeTextTable, type TextTable } from '../text/textTable.ts'
import { createBudget, type Node, refuse, valuesOf } from './schemaNode.ts'

/** Undefined where neither is said. @throws {SchemaUnsupportedError} */
export function readText(
  build: ExpressionBuilder,
  node: Node,
  min: number,
  max: number,
  budget: TextBudget,
  at: string,
): Expression | undefined {
  const patterns = valuesOf(node.pattern)
  const names = valuesOf(node.format)
  if (patterns.length === 0 && names.length === 0) return undefined
  const searches: Search[] = patterns.flatMap((pattern) => {
    if (typeof pattern !== 'string') return refuse(`${at}/pattern`, 'is no text')
    const { characters } = patternLimits
    if (pattern.length > characters) refuse(`${at}/pattern`, `has more than ${characters} characters`)
    return parsePattern(pattern, `${at}/pattern`)
  })
  for (const name of names) {
    if (typeof name !== 'string' || !Object.hasOwn(formats, name)) {
      return refuse(at, `has the format '${String(name)}', which is not supported`)
    }
  }
  const isPlain = patterns.length === 0 && names.length === 1 && min === 0 && max === Infinity
  if (!isPlain) searches.push(...names.flatMap((name) => searchesOf(String(name))))
  const table = isPlain ? tableOf(String(names[0])) : makeTextTable(searches, { min, max }, budget, at)
  if (!table) return refuse(at, 'is obeyed by no text')
  const id = JSON.stringify(['text', patterns, names, min, max === Infinity ? '' : max])
  return build.sequence(build.literal('"'), build.walk(createTextMachine(id, table)), build.literal('"'))
}

const searchesOf = (format: string): Search[] => formats[format]!.flatMap((pattern) => parsePattern(pattern, format))

/** One for each format. */
const tables = new Map<string, TextTable>()

function tableOf(format: string): TextTable | undefined {
  let table = tables.get(format)
  if (!table) {
    // With twice the room: names of hosts, the widest, have 32,000 states.
    const budget = { ...createBudget().text, transitions: -textLimits.transitions }
    table = makeTextTable(searchesOf(format), { min: 0, max: Infinity }, budget, format)
    if (table) tables.set(format, table)
  }
  return table
}
