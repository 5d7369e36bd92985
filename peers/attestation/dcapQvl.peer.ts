// dcap-qvl, unmodified, about every public quote, beside our own verifier; says so and passes where pip does not give it.
// WEIGHTLESS_QUOTES may name a further folder of `x.quote` and `x.collateral.json`.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import '@weightless/env/node'
import { tcbStatuses, verifyDcapQuote } from '@weightless/attest'

type Said = { atSeconds: number; status?: string; advisoryIds?: string[]; refused?: string }
const version = '0.7.0'
const vectors = join(import.meta.dirname, '../../vectors/attestation/dcap')
const folders = [vectors, process.env.WEIGHTLESS_QUOTES].filter((folder) => folder !== undefined)
const home = mkdtempSync(join(tmpdir(), 'weightless-attestation-'))
const run = (command: string, words: string[]) => spawnSync(command, words, { encoding: 'utf8', timeout: 300_000 })
try {
  run('python3', ['-m', 'venv', home])
  const python = join(home, 'bin', 'python')
  const installed = run(python, ['-m', 'pip', 'install', '-q', '--only-binary', ':all:', `dcap-qvl==${version}`])
  if (installed.status !== 0) console.log('not run: pip does not give dcap-qvl here')
  else for (const folder of folders) compare(python, folder)
} finally {
  rmSync(home, { recursive: true, force: true })
}

function compare(python: string, folder: string): void {
  const { status, stdout, stderr } = run(python, [join(import.meta.dirname, 'python', 'recordVerdicts.py'), folder])
  if (status !== 0) throw new Error(stderr)
  const { verdicts } = JSON.parse(stdout) as { verdicts: { [name: string]: Said } }
  const names = Object.keys(verdicts)
  if (names.length !== readdirSync(folder).filter((name) => name.endsWith('.quote')).length)
    throw new Error('quotes are missing')
  for (const name of names) {
    const said = verdicts[name]!
    const quote = new Uint8Array(readFileSync(join(folder, `${name}.quote`)))
    const collateral: unknown = JSON.parse(readFileSync(join(folder, `${name}.collateral.json`), 'utf8'))
    const ours = verifyDcapQuote(quote, collateral, { atSeconds: said.atSeconds, allowStatuses: tcbStatuses })
    const mine = ours.ok ? [ours.value.status, ...[...ours.value.advisoryIds].sort()].join(' ') : 'refused'
    const theirs = said.refused === undefined ? [said.status, ...said.advisoryIds!.sort()].join(' ') : 'refused'
    if (mine !== theirs) throw new Error(`${name}: ${mine} here, ${theirs} by dcap-qvl (${said.refused ?? ''})`)
    console.log(`${name}: ${mine}, ours and dcap-qvl ${version}${ours.ok ? '' : ` (${ours.code}; ${said.refused})`}`)
  }
}
