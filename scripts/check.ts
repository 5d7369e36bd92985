/**
 * `npm run check`: every gate at once: types, format and lint, dead code, the rules of the house. With `--artefacts` also
 * builds all generated files anew (kernels, contracts, EVM; minutes) and compares. Prints one line a gate, and what a
 * failed gate said.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const bin = (name: string): string[] => [process.execPath, join(root, 'node_modules', ...name.split('/'))]

type Gate = { name: string; command: string[] }
type Result = Gate & { passed: boolean; output: string; tookMs: number }

const gates: Gate[] = [
  {
    name: 'tsc',
    command: [
      ...bin('typescript/bin/tsc'),
      '--noEmit',
      '--incremental',
      '--tsBuildInfoFile',
      'node_modules/.cache/check.tsbuildinfo',
    ],
  },
  {
    name: 'biome',
    command: [...bin('@biomejs/biome/bin/biome'), 'check', '--max-diagnostics=20', '.'],
  },
  { name: 'knip', command: [...bin('knip/bin/knip.js'), '--no-progress', '--no-config-hints'] },
  { name: 'tidy', command: [process.execPath, 'scripts/tidy.ts'] },
  { name: 'lock', command: [process.execPath, 'scripts/completeLock.ts', '--check'] },
]
const artefacts: Gate[] = [
  { name: 'kernels', command: [process.execPath, 'scripts/buildKernels.ts', '--check'] },
  { name: 'native', command: [process.execPath, 'scripts/buildNative.ts', '--check'] },
  { name: 'contracts', command: [process.execPath, 'packages/contracts/scripts/compile.ts', '--check'] },
  { name: 'evm', command: [process.execPath, 'packages/evm/scripts/build.ts', '--check'] },
]
const chosen = process.argv.includes('--artefacts') ? [...gates, ...artefacts] : gates

const linesMax = 80
const startMs = performance.now()
const results = await Promise.all(chosen.map(runGate))
for (const { name, passed, output } of results) if (!passed) console.log(`\n== ${name}\n${shorten(output)}`)
console.log()
for (const { name, passed, tookMs } of results) {
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${name.padEnd(10)} ${(tookMs / 1000).toFixed(1)} s`)
}
console.log(
  `${results.every(({ passed }) => passed) ? 'check: ok' : 'check: failed'}, ${((performance.now() - startMs) / 1000).toFixed(1)} s`,
)
process.exit(results.every(({ passed }) => passed) ? 0 : 1)

function shorten(output: string): string {
  const lines = output.trim().split('\n')
  const left = lines.length - linesMax
  return left <= 0 ? lines.join('\n') : [...lines.slice(0, linesMax), `… and ${left} lines more`].join('\n')
}

function runGate(gate: Gate): Promise<Result> {
  const beganMs = performance.now()
  return new Promise((resolve) => {
    const [program, ...parameters] = gate.command
    const child = spawn(program!, parameters, { cwd: root, env: { ...process.env, NO_COLOR: '1' } })
    let output = ''
    const hear = (piece: Buffer): void => {
      output += piece
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    const end = (passed: boolean) => resolve({ ...gate, passed, output, tookMs: performance.now() - beganMs })
    child.once('error', (error) => {
      output += String(error)
      end(false)
    })
    child.once('close', (code) => end(code === 0))
  })
}
