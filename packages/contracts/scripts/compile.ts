/**
 * Compiles the Solidity sources and writes ABIs, bytecode, storage layouts, addresses and the devnet genesis under
 * `src/`, and the test contracts beside their sources; with `--check` writes nothing and fails if any file differs from what the sources give.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { compileSolidity, packageFolder } from './compileSolidity.ts'
import { renderArtefacts } from './renderArtefacts.ts'
import { harnessNames, renderHarness } from './renderHarness.ts'

const isCheck = process.argv.includes('--check')

const harnesses = new Map(harnessNames.flatMap((name) => [...renderHarness(name)]))
const different = apply(renderArtefacts(compileSolidity())) + apply(harnesses)
if (!isCheck || different === 0) {
  // Imported only now: it reads the files that were just written or found equal.
  const { renderGenesis } = await import('./renderGenesis.ts')
  process.exitCode = apply(await renderGenesis()) + different > 0 && isCheck ? 1 : 0
} else {
  process.exitCode = 1
}

/** Writes the files, or in a check counts those that differ. */
function apply(files: ReadonlyMap<string, string>): number {
  let count = 0
  for (const [path, content] of files) {
    const target = join(packageFolder, 'src', path)
    if (existsSync(target) && readFileSync(target, 'utf8') === content) continue
    count++
    process.stdout.write(`${isCheck ? 'differs' : 'written'}: src/${path}\n`)
    if (isCheck) continue
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, content)
  }
  return count
}
