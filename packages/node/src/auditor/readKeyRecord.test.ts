/** What the chain knows of keys in hardware, under the root of the tests: acknowledged, unknown, outdated, revoked, expired. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeDevQuote } from '@weightless/attest'
import { makeDcapWorld, serials, type WorldOptions } from '@weightless/attest/testing/makeDcapWorld'
import { testAccounts } from '@weightless/chain/testing/openTestChain'
import type { Hex } from '@weightless/codec'
import { checkEvidence, readEvidence } from '@weightless/compute'
import { attestationBinding, auditAttestation } from '@weightless/compute/audit/attestation/auditAttestation'
import { encodeEvidence, type TargetEvidence } from '@weightless/compute/audit/evidence'
import { findingOf, targetIdOf } from '@weightless/contracts/drawTargets'
import { createLedger, type Ledger } from '@weightless/ledger'
import { openAttestation } from '@weightless/sdk/attestation/openAttestation'
import type { ClientContext } from '@weightless/sdk/clientContext'
import { openTeeChain, type TeeChain } from '@weightless/sdk/testing/openTeeChain'
import { readKeyRecord } from './readKeyRecord.ts'

const nowSeconds = Math.floor(Date.now() / 1000)
const beta: Hex = `0x${'42'.repeat(32)}`
const provider: Hex = `0x${'0a'.repeat(20)}`
const signer: Hex = `0x${'0b'.repeat(20)}`
const { signal } = new AbortController()

describe('What the chain knows of a key in hardware', () => {
  let chain: TeeChain
  let ledger: Ledger
  let context: ClientContext

  before(async () => {
    chain = await openTeeChain(makeDcapWorld({ atSeconds: nowSeconds }).policy.root.bytes)
    ledger = createLedger({ rpcUrl: chain.url, env: chain.env, account: testAccounts[0]!, pollMs: 20 })
    context = { config: { contracts: chain.contracts }, env: chain.env, ledger } as unknown as ClientContext
    await put({})
  })
  after(() => chain.close())

  /** Collateral that is newer the later it is. */
  const put = (options: WorldOptions, laterSeconds = 0) =>
    openAttestation(context).putCollateral(
      makeDcapWorld({ ...options, atSeconds: nowSeconds + laterSeconds }).collateral,
    )

  async function attest(): Promise<void> {
    const { reportData } = await openAttestation(context).bind(provider, signer)
    const { quote } = makeDcapWorld({ atSeconds: nowSeconds, body: { 520: reportData } })
    await openAttestation(context).submit({ provider, key: signer, quote })
  }

  const recordAt = (of: Hex, key: Hex, blockNumber?: number) =>
    readKeyRecord(ledger, chain.contracts.teeKeys!, {
      ...{ provider: of, key },
      ...(blockNumber !== undefined && { blockNumber }),
    })

  /** Of a provider that shows the auditor what a test's policy allows: the chain alone decides. */
  async function audit(): Promise<TargetEvidence> {
    const quote = makeDevQuote(
      {
        issuedSeconds: nowSeconds - 5,
        measurement: new Uint8Array(48),
        reportData: attestationBinding({ chainId: 31337, provider, signer, beta }),
      },
      new Uint8Array(32).fill(7),
    )
    const found = await auditAttestation(
      {
        ...{ chainId: 31337, nowSeconds: () => nowSeconds, policy: { allowDev: true } },
        claimOf: async () => ({ url: 'http://provider', signer }),
        ask: async () => ({ kind: 'shown', quote }),
        recordOf: recordAt,
      },
      { id: targetIdOf(provider), beta },
      signal,
    )
    const read = readEvidence(encodeEvidence({ round: 1n, auditor: signer, beta, targets: [found] }))
    assert.ok(read.ok, read.ok ? '' : read.detail)
    return read.value.targets[0]!
  }

  const check = async (found: TargetEvidence) => {
    const options = { chainId: 31337n, settlement: signer, openModel: async () => undefined, recordAt }
    const lines = await checkEvidence({ round: 1n, auditor: signer, beta, targets: [found] }, options)
    return lines.at(-1)!
  }

  /** @returns the auditor's reason, which whoever has the chain finds too */
  async function reasonOf(found: TargetEvidence): Promise<string> {
    const [shown, record] = found.outcomes
    assert.equal(shown!.verdict, 'right')
    assert.deepEqual([found.finding, record!.verdict], [findingOf.faulty, 'wrong'])
    assert.deepEqual(await check(found), {
      ...{ target: provider, index: 2, agrees: true },
      detail: `wrong: ${record!.detail}`,
    })
    return record!.detail
  }

  test('nothing is not enough, whatever its provider shows', async () => {
    assert.match(await reasonOf(await audit()), /^unknown/)
  })

  test('a quote that was verified there, and still is, is clean; nobody can say otherwise of that block', async () => {
    await attest()
    const found = await audit()
    assert.equal(found.finding, findingOf.clean)
    const [shown, record] = found.outcomes
    assert.deepEqual(record!.keyRecord!.again, { status: 'UpToDate' })
    assert.equal((await check(found)).agrees, true)
    for (const lie of [
      { freshUntilSeconds: 0 },
      { again: { refusal: 'revoked' } },
      { again: { status: 'OutOfDate' as const } },
    ]) {
      const told = { ...record!, verdict: 'wrong' as const, keyRecord: { ...record!.keyRecord!, ...lie } }
      assert.equal((await check({ ...found, outcomes: [shown!, told] })).agrees, false)
    }
    // A verdict that its own record does not give; and one without any.
    const other = { ...record!, verdict: 'wrong' as const }
    assert.equal((await check({ ...found, outcomes: [other] })).agrees, false)
    const { keyRecord: _, ...bare } = other
    assert.equal((await check({ ...found, outcomes: [bare] })).agrees, false)
  })

  test('a platform that is behind newer documents is outdated before the record runs out', async () => {
    await put({ tcbInfo: ({ tcbLevels }) => tcbLevels.shift() }, 50)
    assert.match(await reasonOf(await audit()), /^tcb-status: .* OutOfDate/)
    await put({}, 100)
    assert.equal((await audit()).finding, findingOf.clean)
  })

  test('a platform whose certificate is revoked since is found', async () => {
    await put({ revoked: { pck: [serials.pck] } }, 200)
    assert.match(await reasonOf(await audit()), /^revoked/)
    await put({}, 300)
    assert.equal((await audit()).finding, findingOf.clean)
  })

  test('a record that ran out is no record, and collateral that did is none either', async () => {
    await chain.rpc('evm_increaseTime', [86_401])
    await chain.rpc('evm_mine', [])
    const found = await audit()
    assert.match(await reasonOf(found), /^expired: acknowledged until/)
    assert.equal((await recordAt(provider, provider))!.freshUntilSeconds, 0)
    await chain.rpc('evm_increaseTime', [31 * 86_400])
    await chain.rpc('evm_mine', [])
    assert.deepEqual((await recordAt(provider, signer))!.again, { refusal: 'expired' })
    // What was found before is still what the chain says of that block.
    assert.equal((await check(found)).agrees, true)
  })
})
