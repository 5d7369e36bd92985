/** The rules of the house as plain functions: a file in, findings out. Each rule names what to do instead. */

import type { Package } from './tidyLayers.ts'
import { findLayerFault } from './tidyLayers.ts'

export type SourceFile = { path: string; text: string }

export type Finding = { path: string; line: number; rule: string; advice: string }

/** @param owner - the workspace that the file belongs to; undefined at the root (`sim/`, `scripts/`) */
export function checkFile(file: SourceFile, owner: Package | undefined, packages: readonly Package[]): Finding[] {
  const isTest = /\.(test|cases)\.tsx?$|\/testing?\//.test(file.path)
  const code = blankOut(file.text)
  const lines = file.text.split('\n')
  const findings: Finding[] = []
  const report = (line: number, rule: string, advice: string): void => {
    findings.push({ path: file.path, line, rule, advice })
  }
  if (!isTest && lines.length > lineCountMax + 1)
    report(lineCountMax, 'file length', `split it: at most ${lineCountMax} lines`)
  if (vagueName.test(file.path)) report(1, 'vague name', 'give the thing its noun')
  if (!isTest && !file.path.endsWith('index.ts') && !/^(#!.*\n)?\s*\/[*/]/.test(file.text)) {
    report(1, 'opening sentence', 'say the one idea of the file in its first line')
  }
  if (isTest) checkHooks(lines, report)
  checkImports(file, owner, packages, isTest, report)
  for (const { pattern, allowed, rule, advice } of bans) {
    if (isTest || allowed.test(file.path)) continue
    for (const [at, line] of code.split('\n').entries()) if (pattern.test(line)) report(at + 1, rule, advice)
  }
  return findings
}

/** All tests share one process, where a hook outside a suite runs before, or after, everybody's. */
function checkHooks(lines: readonly string[], report: Report): void {
  for (const [at, line] of lines.entries()) {
    if (/^(before|after)(Each)?\(/.test(line)) report(at + 1, 'hook of everybody', 'put it into a describe')
  }
}

type Report = (line: number, rule: string, advice: string) => void

function checkImports(
  { path, text }: SourceFile,
  owner: Package | undefined,
  packages: readonly Package[],
  isTest: boolean,
  report: Report,
): void {
  const isSource = path.includes('/src/') && !isTest
  for (const { line, specifier } of findImports(text)) {
    if (specifier.startsWith('node:')) {
      if (owner && isSource && owner.layer === 0) report(line, 'layer 0', `${specifier} is not there in a browser`)
      else if (owner && isSource && outsideWorld.test(specifier) && !worldFolders.test(path)) {
        report(line, 'outside world', `${specifier} is reached through Env alone`)
      }
      continue
    }
    if (specifier.startsWith('.') || specifier.startsWith('#') || !owner) continue
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/')
    if (name === owner.name) continue
    if (!owner.dependencies.includes(name))
      report(line, 'undeclared import', `declare ${name} in ${owner.folder}/package.json`)
    const fault = isSource ? findLayerFault(owner, specifier, packages) : undefined
    if (fault) report(line, 'layers', fault)
  }
}

/** Static imports, re-exports and imports by call, with their lines. */
export function findImports(text: string): { line: number; specifier: string }[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g
  return [...text.matchAll(pattern)].map((match) => ({
    line: text.slice(0, match.index + match[0].length).split('\n').length,
    specifier: (match[1] ?? match[2] ?? match[3])!,
  }))
}

/** The text with comments and the insides of strings and patterns replaced by spaces; lines stay where they are. */
export function blankOut(text: string): string {
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=(?:^|[(,=:[!&|?{};\n]|return|=>)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g
  return text.replace(token, (found) => found.replace(/[^\n]/g, ' '))
}

const lineCountMax = 400
const vagueName = /(^|[/.])(utils?|helpers?|common|misc|shared|manager|[a-z]*(Utils?|Helpers?|Manager))(\/|\.tsx?$)/
/** Where the outside world may be touched: its adapters, the programs at the edges, and what is no product code. */
const worldFolders =
  /^(packages\/env\/src\/(node|browser|sim)\/|packages\/(node|cli)\/|packages\/\w+\/(scripts|bin)\/|apps\/|scripts\/|sim\/|bench\/|peers\/|docs\/)/
const outsideWorld = /^node:(fs|net|http|https|http2|tls|dns|dgram|worker_threads|child_process|cluster|os)\b/

const bans: readonly { pattern: RegExp; allowed: RegExp; rule: string; advice: string }[] = [
  {
    pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/,
    allowed: worldFolders,
    rule: 'hidden clock',
    advice: 'env.clock',
  },
  {
    pattern: /\bMath\.random\(|\bgetRandomValues\(|\brandomBytes\(/,
    allowed: worldFolders,
    rule: 'hidden chance',
    advice: 'env.random',
  },
  {
    pattern: /\bset(Timeout|Interval|Immediate)\(/,
    allowed: worldFolders,
    rule: 'hidden clock',
    advice: 'env.clock.sleep',
  },
  {
    pattern: /(\bawait|\breturn|=>?|[(,[])\s*fetch\(|\bnew (WebSocket|XMLHttpRequest)\(/,
    allowed: worldFolders,
    rule: 'hidden network',
    advice: 'env.network',
  },
  {
    pattern: /\bprocess\.(env|argv|exit|cwd)\b/,
    allowed: worldFolders,
    rule: 'hidden settings',
    advice: 'take it as an option',
  },
  { pattern: /\bnew Worker\(/, allowed: worldFolders, rule: 'hidden worker', advice: 'env.tasks' },
  { pattern: /\bconsole\.\w+\(/, allowed: worldFolders, rule: 'hidden console', advice: 'env.log' },
  {
    pattern: /\bnew DataView\(/,
    allowed: /^packages\/(codec|crypto|tensor|dispute|store|env|evm)\/|^(apps|scripts|sim|bench|peers)\/|\/scripts\//,
    rule: 'second codec',
    advice: '@weightless/codec',
  },
  {
    pattern: /\bcreateHash\(|\bsubtle\.digest\(/,
    allowed: /^packages\/(crypto|env|tensor|node)\/|^(apps|scripts|sim|bench|peers)\/|\/scripts\//,
    rule: 'second hash',
    advice: '@weightless/crypto',
  },
  { pattern: /(:\s*|\bas\s+|<)any\b(?![.(])/, allowed: /^$/, rule: 'any', advice: 'name the type, or unknown' },
  {
    pattern: /catch\s*(\(\w*\))?\s*\{\s*\}/,
    allowed: /^$/,
    rule: 'swallowed error',
    advice: 'say why it may be dropped, or let it through',
  },
]
