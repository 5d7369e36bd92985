/** Compiles the test contracts of `harness/` into files beside them: all, or those that are named. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolder } from './compileSolidity.ts'
import { harnessNames, renderHarness } from './renderHarness.ts'

const named = process.argv.slice(2)
for (const name of named.length > 0 ? named : harnessNames) {
  for (const [path, content] of renderHarness(name)) {
    writeFileSync(join(packageFolder, 'src', path), content)
    process.stdout.write(`written: src/${path}\n`)
  }
}
