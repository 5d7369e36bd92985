/** `weightless attest verify FILE`: what trusted hardware signed about itself, checked in this process, with nothing fetched. */
import '@weightless/env/node'
import { type Attestation, verifyAttestation } from '@weightless/attest'
import { bytesToHex } from '@weightless/codec'
import type { Command } from 'commander'
import { type AttestFlags, policyOf, readEvidenceFile, readJsonFile } from '../attestationFiles.ts'
import { printResult } from '../output.ts'
import { printable } from '../printable.ts'
import { addAttestKeyCommands } from './attestKeys.ts'

export function addAttestCommands(program: Command): void {
  const attest = program.command('attest').description('evidence of trusted hardware')
  addAttestKeyCommands(attest)
  const collect = (value: string, list: string[]) => [...list, value]
  attest
    .command('verify <file>')
    .description('verify an SGX or TDX quote, a Nitro document or an answer of NVIDIA, and say accepted or why not')
    .option('--collateral <file>', 'what belongs to it: Intel’s collateral of a quote, the key set of NVIDIA; JSON')
    .option('--at <time>', 'when it must hold, ISO 8601 or seconds; now unless given')
    .option('--report-data <hex>', 'the data that it must be bound to')
    .option('--nonce <hex>', 'the nonce that it must answer')
    .option(
      '--measurement <name=hex>',
      'what must run: mrTd, mrEnclave, mrSigner, rtmr0, pcr0 …; again for more',
      collect,
      [],
    )
    .option(
      '--allow-status <status>',
      'take a platform in this state too, such as SWHardeningNeeded; again for more',
      collect,
      [],
    )
    .option('--allow-debug', 'take what runs in debug mode')
    .option('--allow-dev', 'take a quote that was made without hardware')
    .action((path: string, flags: AttestFlags, command: Command) => {
      const collateral = flags.collateral === undefined ? undefined : readJsonFile(flags.collateral)
      const policy = policyOf(flags, Math.floor(Date.now() / 1000))
      const verdict = verifyAttestation(readEvidenceFile(path), collateral, policy)
      if (!verdict.ok) {
        const { code, detail = code } = verdict
        printResult(command, { accepted: false, code, detail }, [`REFUSED   ${printable(detail)} (${code})`])
        process.exitCode = 1
        return
      }
      const shown = toPlain(verdict.value) as object
      printResult(command, { accepted: true, ...shown }, describe(verdict.value))
    })
}

function describe(found: Attestation): string[] {
  if (found.tee === 'dev')
    return ['DEV       made without hardware: it proves nothing', `bound to  ${bytesToHex(found.reportData)}`]
  if (found.tee === 'nvidia') {
    const devices = found.devices.map(({ name, model, driver }) =>
      printable(`          ${name}: ${model}, driver ${driver ?? 'unknown'}`),
    )
    return ['accepted  by the word of NVIDIA’s service', ...devices, printable(`nonce     ${found.nonce}`)]
  }
  if (found.tee === 'nitro') {
    const pcrs = [...found.pcrs].filter(([, value]) => value.some((byte) => byte !== 0))
    return [
      printable(`accepted  AWS Nitro enclave ${found.moduleId}${found.isDebug ? ', DEBUG' : ''}`),
      ...pcrs.map(([index, value]) => `PCR${String(index).padEnd(7)}${bytesToHex(value)}`),
    ]
  }
  const { body } = found
  const isSgx = body.kind === 'sgx'
  return [
    `accepted  ${isSgx ? 'SGX enclave' : `TDX domain (${body.kind})`}, quote version ${found.quoteVersion}, ${found.status}`,
    ...(found.advisoryIds.length > 0 ? [printable(`advisory  ${found.advisoryIds.join(' ')}`)] : []),
    isSgx ? `MRENCLAVE ${bytesToHex(body.mrEnclave)}` : `MRTD      ${bytesToHex(body.mrTd)}`,
    `bound to  ${bytesToHex(body.reportData)}`,
  ]
}

/** Bytes as hex, maps as objects, all the way down. */
function toPlain(value: unknown): unknown {
  if (value instanceof Uint8Array) return bytesToHex(value)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, toPlain(item)]))
  if (Array.isArray(value)) return value.map(toPlain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlain(item)]))
}
