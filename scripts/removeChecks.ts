/**
 * `npm run test:faults [-- PART OF A FAULT'S NAME …]`
 *
 * Removes one check after another (`faults/faultList.ts`) and runs the test that is named beside it: a test that still passes, and a
 * check that is no longer there, are errors. Files are never changed: the module is swapped while it is loaded. Then it runs each
 * test once more with every check in its place, where it must pass.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Fault, faults } from './faults/faultList.ts'
import { swapIn } from './faults/swapIn.ts'

const root = join(import.meta.dirname, '..')
const wanted = process.argv.slice(2)
const list = faults.filter(({ fault }) => wanted.length === 0 || wanted.some((part) => fault.includes(part)))
const passing = new Map<string, boolean>()
let survived = 0
for (const one of list) {
  const problem = judge(one)
  if (problem !== undefined) survived++
  console.log(
    `${problem === undefined ? '✔' : '✖'} ${one.fault}: ${one.file}${problem === undefined ? '' : `: ${problem}`}`,
  )
}
console.log(`${list.length - survived} of ${list.length} checks are missed by their test when they are gone`)
process.exit(survived > 0 || list.length === 0 ? 1 : 0)

function judge(one: Fault): string | undefined {
  const { file, check, without = '', test, name } = one
  const path = join(root, file)
  const swap = { url: pathToFileURL(path).href, check, without }
  try {
    swapIn(readFileSync(path, 'utf8'), swap)
  } catch (error) {
    return (error as Error).message
  }
  const key = `${test} ${name}`
  if (!passing.has(key)) passing.set(key, run(test, name).failed === 0)
  if (!passing.get(key)) return `"${name}" of ${test} does not pass as it is, or there is no such test`
  return run(test, name, swap).failed > 0 ? undefined : `"${name}" of ${test} passes without it`
}

/** How many tests of that name failed; NaN where none ran. */
function run(test: string, name: string, swap?: object): { failed: number } {
  const hook =
    swap === undefined ? [] : ['--import', pathToFileURL(join(import.meta.dirname, 'faults/swapSource.ts')).href]
  const pattern = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const words = [
    ...hook,
    '--test',
    '--test-isolation=none',
    '--test-reporter=tap',
    `--test-name-pattern=${pattern}`,
    test,
  ]
  const { stdout } = spawnSync(process.execPath, words, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, WEIGHTLESS_SWAP: JSON.stringify(swap ?? {}) },
  })
  const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(stdout)?.[1] ?? Number.NaN)
  return { failed: count('pass') + count('fail') > 0 ? count('fail') : Number.NaN }
}
