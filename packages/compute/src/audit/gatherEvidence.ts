/** The evidence of a contested case: which case it is, who found the accused faulty, and the files behind that. Spec: spec/alignment.md 7.2 */
import { type Hex, hexToBytes } from '@weightless/codec'
import { findingOf, targetAddress } from '@weightless/contracts/drawTargets'
import type { AuditChain } from './auditChain.ts'
import { type Evidence, readEvidence } from './evidence.ts'

/** Blocks that are looked back over; a jury follows its case within a few rounds. */
const blocksBack = 2_000n

/** Files that cannot be had, or are of another report, are left out: they show nothing. */
export async function gatherEvidence(
  chain: Pick<AuditChain, 'events'>,
  { id, index, juryRound }: { id: Hex; index: number; juryRound: bigint },
  fetchEvidence: (root: Hex) => Promise<Uint8Array | undefined>,
): Promise<Evidence[]> {
  const events = await chain.events(['CaseOpened', 'CaseContested', 'Revealed'], blocksBack)
  const accused = targetAddress(id).toLowerCase()
  const contested = events.findLast(
    (event) =>
      event.eventName === 'CaseContested' &&
      event.args.juryRound === juryRound &&
      event.args.provider.toLowerCase() === accused,
  )
  if (contested?.eventName !== 'CaseContested') return []
  const { caseId } = contested.args
  const opened = events.find((event) => event.eventName === 'CaseOpened' && event.args.caseId === caseId)
  if (opened?.eventName !== 'CaseOpened') return []
  const { round } = opened.args
  const shown: Evidence[] = []
  for (const event of events) {
    if (event.eventName !== 'Revealed' || event.args.round !== round) continue
    if (hexToBytes(event.args.findings)[index] !== findingOf.faulty) continue
    const bytes = await fetchEvidence(event.args.evidence)
    const read = bytes && readEvidence(bytes)
    if (!read?.ok || read.value.round !== round) continue
    if (read.value.auditor.toLowerCase() === event.args.auditor.toLowerCase()) shown.push(read.value)
  }
  return shown
}
