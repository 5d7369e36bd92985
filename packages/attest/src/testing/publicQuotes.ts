/** The public quotes of `vectors/attestation/dcap`, each with its collateral and what dcap-qvl says of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../../../../vectors/attestation/dcap')

export type RecordedVerdict = { atSeconds: number } & (
  | { status: string; advisoryIds: string[]; refused?: undefined }
  | { refused: string }
)

export type PublicQuote = {
  name: string
  quote: Uint8Array
  collateral: { [field: string]: string }
  recorded: RecordedVerdict
}

/** What we call what dcap-qvl refuses with. @throws {Error} for words that no vector has */
export function codeOfRefusal(refused: string): string {
  if (refused.endsWith('No matching TCB level found')) return 'tcb-level'
  if (refused.endsWith('Invalid MR service TD')) return 'attributes'
  throw new Error(`dcap-qvl refuses otherwise: ${refused}`)
}

export function readPublicQuotes(): PublicQuote[] {
  const { verdicts } = JSON.parse(readFileSync(join(folder, 'verdicts.json'), 'utf8')) as {
    verdicts: { [name: string]: RecordedVerdict }
  }
  return Object.entries(verdicts).map(([name, recorded]) => ({
    name,
    quote: new Uint8Array(readFileSync(join(folder, `${name}.quote`))),
    collateral: JSON.parse(readFileSync(join(folder, `${name}.collateral.json`), 'utf8')) as {
      [field: string]: string
    },
    recorded,
  }))
}
