/** Writes `gas.snapshot.json`; with `--check` compares it instead. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolder } from './compileSolidity.ts'
import { measureGas } from './measureGas.ts'

const path = join(packageFolder, 'gas.snapshot.json')
const text = `${JSON.stringify(await measureGas(), undefined, 2)}\n`
if (!process.argv.includes('--check')) writeFileSync(path, text)
else if (readFileSync(path, 'utf8') !== text) {
  process.stderr.write(`gas.snapshot.json differs; now it is:\n${text}`)
  process.exitCode = 1
}
