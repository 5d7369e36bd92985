/** Runs solc-js over all sources with the one fixed set of settings, so that every machine gets the same bytes. */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { contractList } from './contractList.ts'

export const packageFolder = fileURLToPath(new URL('..', import.meta.url))
const sourceFolder = join(packageFolder, 'solidity')
const require = createRequire(import.meta.url)

export const settings = {
  evmVersion: 'cancun',
  viaIR: true,
  optimizer: { enabled: true, runs: 2000 },
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object', 'storageLayout'] } },
}

export type AbiItem = {
  type: string
  name?: string
  inputs?: readonly { internalType?: string; type: string }[]
}
export type StorageSlot = { label: string; slot: string; offset: number; type: string }
export type Compiled = {
  key: string
  abi: AbiItem[]
  bytecode: `0x${string}`
  runtimeBytes: number
  storage: StorageSlot[]
}

/** Compiles every listed contract; warnings and errors go into the thrown message. */
export function compileSolidity(): Compiled[] {
  const solc = require('solc')
  const input = { language: 'Solidity', sources: readSources(), settings }
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }))
  const problems = (output.errors ?? []).filter((e: { severity: string }) => e.severity === 'error')
  if (problems.length > 0)
    throw new Error(problems.map((e: { formattedMessage: string }) => e.formattedMessage).join('\n'))
  for (const warning of output.errors ?? []) {
    if (isOurs(warning)) process.stderr.write(`${warning.formattedMessage}\n`)
  }
  return contractList.map(({ key, source, contract }) => {
    const artefact = output.contracts[source][contract]
    return {
      key,
      abi: artefact.abi,
      bytecode: `0x${artefact.evm.bytecode.object}`,
      runtimeBytes: artefact.evm.deployedBytecode.object.length / 2,
      storage: artefact.storageLayout.storage.map(({ label, slot, offset, type }: StorageSlot) => ({
        label,
        slot,
        offset,
        // solc numbers its syntax trees; the numbers change with every edit and mean nothing
        type: type.replaceAll(/\)\d+/g, ')'),
      })),
    }
  })
}

/** Leaves out warnings about OpenZeppelin's sources and about `at`, a keyword of some later compiler. */
function isOurs(warning: { message: string; sourceLocation?: { file: string } }): boolean {
  return !warning.sourceLocation?.file.startsWith('@openzeppelin/') && !warning.message.startsWith('"at" will be')
}

function readSources(): { [path: string]: { content: string } } {
  const sources: { [path: string]: { content: string } } = {}
  for (const path of readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (path.endsWith('.sol')) sources[path] = { content: readFileSync(join(sourceFolder, path), 'utf8') }
  }
  return sources
}

function readImport(path: string): { contents: string } | { error: string } {
  if (!path.startsWith('@openzeppelin/')) return { error: `not a known import: ${path}` }
  return { contents: readFileSync(require.resolve(path), 'utf8') }
}
