/** No file needs itself, by whatever way round: who reads one of a circle has to read them all. Imports of types count too. */
import { posix } from 'node:path'
import { type Finding, findImports, type SourceFile } from './tidyRules.ts'

/** A finding for each circle, at the file of it that comes first. */
export function findCircles(files: readonly SourceFile[]): Finding[] {
  const known = new Map(files.map(({ path, text }) => [path, findImports(text)]))
  const next = (path: string) =>
    known.get(path)!.flatMap(({ line, specifier }) => {
      const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : ''
      return known.has(target) ? [{ line, target }] : []
    })
  const findings: Finding[] = []
  const done = new Set<string>()
  const way: string[] = []
  function walk(path: string): void {
    way.push(path)
    for (const { line, target } of next(path)) {
      const at = way.indexOf(target)
      if (at >= 0) {
        const circle = [...way.slice(at), target].join(' → ')
        const advice = `${circle}: what both sides need belongs into a file of its own`
        findings.push({ path, line, rule: 'circle', advice })
      } else if (!done.has(target)) walk(target)
    }
    way.pop()
    done.add(path)
  }
  for (const path of known.keys()) if (!done.has(path)) walk(path)
  return findings
}
