/** Gas of audits: a licence, a round as an auditor goes through it, and its settlement. */
import { parseEther } from 'viem'
import { addProvider, auditRules, createAuditRig, licenceTerms } from './auditRig.ts'
import type { GasTable } from './gasTable.ts'

const targetCount = 4

export async function measureAudits(): Promise<GasTable> {
  // One auditor is drawn for all targets, whatever its key says.
  const { rig, rounds, auditors, goTo, drawSeed, report, commit, reveal } = await createAuditRig(1)
  const { alignmentLicence } = rig.contracts
  const [{ address: from }] = auditors as [(typeof auditors)[0]]
  const table: GasTable = {}
  const bought = await rig.must(alignmentLicence, 'buy', [from], { from, value: licenceTerms.priceWei })
  table['alignmentLicence.buy'] = Number(bought.gasUsed)
  const lent = await rig.must(alignmentLicence, 'delegate', [bought.value, from, 0n], { from })
  table['alignmentLicence.delegate'] = Number(lent.gasUsed)
  for (let i = 0; i < targetCount; i++) await addProvider(rig, rig.accounts[5 + i]!.address)
  await rig.must(rounds, 'fund', [], { value: parseEther('1') })
  table['auditRounds.enrol'] = Number((await rig.must(rounds, 'enrol', [], { from })).gasUsed)
  const round = await goTo(1, 0n)
  await drawSeed(round)
  const made = await report(auditors[0]!, round, () => 1)
  table['auditRounds.commit'] = Number((await commit(made)).gasUsed)
  await goTo(0, auditRules.workSeconds)
  const revealed = await reveal(made)
  table[`auditRounds.reveal of ${targetCount} findings, proof included`] = Number(revealed.gasUsed)
  await goTo(1, auditRules.openSeconds)
  table['auditRounds.settle without a quorum'] = Number((await rig.must(rounds, 'settle', [round, 0n])).gasUsed)
  return table
}
