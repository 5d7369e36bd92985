/** `weightless attest bind|submit|show`: providers' keys in trusted hardware, as the chain knows them by quotes that it verified. */
import { bytesToHex, type Hex } from '@weightless/codec'
import type { TeeKeyRecord } from '@weightless/sdk'
import { type Command, InvalidArgumentError } from 'commander'
import { isAddress } from 'viem'
import { askBeforeSpending } from '../askBeforeSpending.ts'
import { readEvidenceFile, readJsonFile } from '../attestationFiles.ts'
import { withClient } from '../connect.ts'
import { printResult } from '../output.ts'

type SubmitFlags = { provider: Hex; key: Hex; collateral?: string; yes?: boolean }

/** They send transactions, or read the chain, where `attest verify` asks nobody. */
export function addAttestKeyCommands(attest: Command): void {
  attest
    .command('bind <provider> <key>')
    .description('mark the present on the chain, and print the report data that a quote has to carry to bind the key')
    .option('--yes', 'do not ask before the transaction')
    .action(async (provider: string, key: string, flags: { yes?: boolean }, command: Command) => {
      const [ofProvider, ofKey] = [readAddress(provider), readAddress(key)]
      await askBeforeSpending('Send a transaction that marks the present?', flags)
      const bound = await withClient(command, ({ attestation }) => attestation.bind(ofProvider, ofKey))
      const reportData = bytesToHex(bound.reportData)
      printResult(command, { reportData, markedSeconds: bound.markedSeconds }, [reportData])
    })
  attest
    .command('submit <file>')
    .description(
      'have the chain verify an SGX or TDX quote, and record the key of a provider that it binds; anybody may',
    )
    .requiredOption('--provider <address>', 'whose key it is', readAddress)
    .requiredOption('--key <address>', 'the key, as an address', readAddress)
    .option('--collateral <file>', 'Intel’s collateral, JSON: brought to the chain first, as far as it is newer')
    .option('--yes', 'do not ask before sending transactions')
    .action(submitQuote)
  attest
    .command('show <provider>')
    .description('what the chain knows of a provider’s key in trusted hardware, and whether it is fresh')
    .option('--key <address>', 'this key instead of the latest', readAddress)
    .addHelpText('after', '\nExit code: 0 fresh, 1 stale or unknown.')
    .action(async (provider: string, { key }: { key?: Hex }, command: Command) => {
      const ofProvider = readAddress(provider)
      const record = await withClient(command, ({ attestation }) => attestation.keyOf(ofProvider, key))
      printResult(command, { known: record !== undefined, ...record }, describe(record))
      if (!record?.isFresh) process.exitCode = 1
    })
}

async function submitQuote(path: string, flags: SubmitFlags, command: Command): Promise<void> {
  const { provider, key } = flags
  const quote = readEvidenceFile(path)
  const collateral = flags.collateral === undefined ? undefined : readJsonFile(flags.collateral)
  await askBeforeSpending(`Send transactions that record a key of ${provider}?`, flags)
  await withClient(command, async ({ attestation }) => {
    const parts = collateral === undefined ? [] : await attestation.putCollateral(collateral)
    const { gasUsed } = await attestation.submit({ provider, key, quote })
    const record = await attestation.keyOf(provider, key)
    const brought = parts.map(({ what, gasUsed: gas }) => `brought   ${what}: ${gas ? `${gas} gas` : 'known'}`)
    const lines = [...brought, `verified  ${gasUsed} gas`, ...describe(record)]
    printResult(command, { gasUsed, collateral: parts, ...record }, lines)
  })
}

function describe(record: TeeKeyRecord | undefined): string[] {
  if (!record) return ['UNKNOWN   the chain knows no key of this provider in trusted hardware']
  const { key, tee, quoteVersion, status, measurement, madeAfterSeconds, freshUntilSeconds, isFresh } = record
  const time = (seconds: number) => new Date(seconds * 1000).toISOString()
  return [
    `${isFresh ? 'attested ' : 'STALE    '} ${key} in ${tee.toUpperCase()}, quote version ${quoteVersion}, ${status}`,
    `runs      ${measurement}`,
    `quote     made after ${time(madeAfterSeconds)}, good until ${time(freshUntilSeconds)}`,
  ]
}

function readAddress(text: string): Hex {
  if (!isAddress(text, { strict: false })) throw new InvalidArgumentError('it is no address')
  return text.toLowerCase() as Hex
}
