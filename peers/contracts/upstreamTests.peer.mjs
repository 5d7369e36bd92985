/**
 * The existing compute contracts' own tests, unmodified (`upstream/`), against our contracts with the existing network's
 * limits. They run in Hardhat over our checked-in ABIs and creation code; every one of the 96 cases must pass.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = process.env.WEIGHTLESS_ROOT ?? join(import.meta.dirname, '../..')
const generated = (folder, key) =>
  import(pathToFileURL(join(root, `packages/contracts/src/${folder}/${key}.generated.ts`)).href)

/** Name that the tests use, key among our artefacts. */
const contracts = {
  LedgerManager: 'ledgerManagerUpstream',
  InferenceServing: 'inferenceServingUpstream',
  FineTuningServing: 'fineTuningServingUpstream',
  TransparentUpgradeableProxy: 'proxy',
}

/** File, cases in it, SHA-256 of the published file. */
const files = JSON.parse(readFileSync(join(import.meta.dirname, 'upstream/origin.json'), 'utf8')).files

const folder = mkdtempSync(join(tmpdir(), 'weightless-contracts-'))
try {
  for (const { file, sha256 } of files) checkUnmodified(file, sha256)
  for (const [name, key] of Object.entries(contracts)) await writeArtefact(name, key)
  const report = runTests()
  const { passes, failures, pending } = report.stats
  const expected = files.reduce((sum, { cases }) => sum + cases, 0)
  for (const { fullTitle, err } of report.failures) console.log(`✖ ${fullTitle}\n  ${err.message}`)
  console.log(`${passes} of ${expected} published cases pass`)
  if (passes !== expected || failures > 0 || pending > 0) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function checkUnmodified(file, sha256) {
  const bytes = readFileSync(join(import.meta.dirname, 'upstream', file))
  const actual = createHash('sha256').update(bytes).digest('hex')
  if (actual !== sha256) throw new Error(`upstream/${file} is not the published file`)
}

/** Hardhat's own form of a compiled contract. */
async function writeArtefact(contractName, key) {
  const { [`${key}Abi`]: abi } = await generated('abi', key)
  const { [`${key}Bytecode`]: bytecode } = await generated('bytecode', key)
  const sourceName = `contracts/${contractName}.sol`
  const target = join(folder, 'artifacts', sourceName)
  mkdirSync(target, { recursive: true })
  const content = { _format: 'hh-sol-artifact-1', contractName, sourceName, abi, bytecode }
  const rest = { deployedBytecode: '0x', linkReferences: {}, deployedLinkReferences: {} }
  writeFileSync(join(target, `${contractName}.json`), JSON.stringify({ ...content, ...rest }))
}

function runTests() {
  const reportFile = join(folder, 'report.json')
  const specs = files.map(({ file }) => join('upstream', file))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['node_modules/hardhat/internal/cli/bootstrap.js', 'test', '--no-compile', ...specs],
    {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      timeout: 540_000,
      env: {
        ...process.env,
        HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true',
        WEIGHTLESS_ARTEFACTS: folder,
        WEIGHTLESS_REPORT: reportFile,
      },
    },
  )
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8'))
  } catch {
    throw new Error(`hardhat ended with ${status}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`)
  }
}
