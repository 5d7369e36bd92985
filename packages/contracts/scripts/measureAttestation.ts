/** Gas of trusted hardware on chain: collateral, once each, public quotes with it cached, and a provider's key. */

import { makeDcapWorld, worldSeconds } from '@weightless/attest/testing/makeDcapWorld'
import { readPublicQuotes } from '@weightless/attest/testing/publicQuotes'
import { bytesToHex, concat, hexToBytes } from 'viem'
import { createAttestationRig } from './attestationRig.ts'
import type { GasTable } from './gasTable.ts'

const measured = ['sgx-v3', 'tdx-v4', 'tdx-v5-extended']

export async function measureAttestation(): Promise<GasTable> {
  const table: GasTable = {}
  for (const { name, quote, collateral, recorded } of readPublicQuotes().filter(({ name }) =>
    measured.includes(name),
  )) {
    const rig = await createAttestationRig(recorded.atSeconds)
    for (const { what, result } of await rig.put(collateral))
      table[`attestation, ${what} of ${name}`] = Number(result.gasUsed)
    const verified = await rig.must(rig.contracts.dcapVerifier, 'verify', [bytesToHex(quote)])
    table[`dcapVerifier.verify of ${name}, as a transaction`] = Number(verified.gasUsed)
  }
  return { ...table, ...(await measureKey()) }
}

async function measureKey(): Promise<GasTable> {
  const { collateral, policy } = makeDcapWorld()
  const rig = await createAttestationRig(worldSeconds, policy.root.bytes)
  await rig.put(collateral)
  const { teeKeys } = rig.contracts
  const [, provider, key] = rig.accounts.map(({ address }) => address)
  rig.evm.advance(1, 1)
  const marked = await rig.must(teeKeys, 'mark', [])
  const binding = (await rig.must(teeKeys, 'bindingOf', [provider!, key!])).value
  const { quote } = makeDcapWorld({ body: { 520: hexToBytes(concat([binding, marked.value])) } })
  const sent = await rig.must(teeKeys, 'submit', [provider!, key!, bytesToHex(quote)])
  return { 'teeKeys.mark': Number(marked.gasUsed), 'teeKeys.submit of a TDX quote, version 4': Number(sent.gasUsed) }
}
