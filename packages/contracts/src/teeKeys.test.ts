import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { makeDevQuote, tcbStatuses } from '@weightless/attest'
import { makeDcapWorld, type WorldOptions, worldSeconds } from '@weightless/attest/testing/makeDcapWorld'
import { bytesToHex, concat, type Hex, hexToBytes, keccak256, sha256, toHex } from 'viem'
import { type AttestationRig, createAttestationRig } from '../scripts/attestationRig.ts'
import { type CallResult, eventsOf } from '../scripts/contractRig.ts'

const day = 86_400n
const svn = (value: number) => Uint8Array.from([3, 1, ...new Array(14).fill(value)])
const errorOf = (result: CallResult<unknown>) =>
  result.ok ? 'none' : [result.error, ...(result.error === 'Refused' ? result.args : [])].join(' ')
/** Places of the refusals that are met here in Refusals.sol. */
const refused = { unsupported: 'Refused 1', expired: 'Refused 5', debug: 'Refused 13', reportData: 'Refused 15' }

/** Contracts under the root of the tests, with its collateral; quotes are made for report data. */
async function stage() {
  const { collateral, policy } = makeDcapWorld()
  const rig = await createAttestationRig(worldSeconds, policy.root.bytes)
  await rig.put(collateral)
  const [, provider, signer, stranger] = rig.accounts.map(({ address }) => address) as [Hex, Hex, Hex, Hex]
  const { teeKeys } = rig.contracts
  const mark = async () => {
    rig.evm.advance(1, 1)
    return (await rig.must(teeKeys, 'mark', [])).value
  }
  const dataOf = async (key: Hex, made: Hex, of: Hex = provider) =>
    concat([(await rig.must(teeKeys, 'bindingOf', [of, key])).value, made])
  const submit = (key: Hex, reportData: Hex, options: WorldOptions = {}, from = stranger) => {
    const { quote } = makeDcapWorld({ ...options, body: { ...options.body, 520: hexToBytes(reportData) } })
    return rig.send(teeKeys, 'submit', [provider, key, bytesToHex(quote)], { from })
  }
  return { rig, teeKeys, provider, signer, stranger, mark, dataOf, submit }
}

const keyOf = async (rig: AttestationRig, provider: Hex, key: Hex) =>
  (await rig.must(rig.contracts.teeKeys, 'keyOf', [provider, key])).value

describe('Keys in trusted hardware', () => {
  it('are recorded for whoever brings a quote that binds them: key, measurement, time, state, until when', async () => {
    const { rig, teeKeys, provider, signer, mark, dataOf, submit } = await stage()
    const made = await mark()
    const madeAt = rig.evm.block.timestamp
    rig.evm.advance(9, 100)
    const sent = await submit(signer, await dataOf(signer, made))
    assert.ok(sent.ok, errorOf(sent))
    const registers = sha256(new Uint8Array(384).fill(7))
    assert.deepEqual(await keyOf(rig, provider, signer), {
      madeAfter: madeAt,
      attestedAt: madeAt + 100n,
      freshUntil: madeAt + day,
      status: tcbStatuses.indexOf('UpToDate'),
      isTdx: true,
      quoteVersion: 4,
      measurement: registers,
    })
    const [event] = eventsOf(teeKeys, sent.logs)
    assert.ok(event?.eventName === 'KeyAttested')
    assert.deepEqual([event.args.key, event.args.measurement, event.args.body.length], [signer, registers, 2 + 2 * 584])
    assert.equal((await rig.must(teeKeys, 'latestOf', [provider])).value, signer)
    rig.evm.block.timestamp = madeAt + day
    assert.equal((await rig.must(teeKeys, 'isFresh', [provider, signer])).value, true)
    rig.evm.block.timestamp += 1n
    assert.equal((await rig.must(teeKeys, 'isFresh', [provider, signer])).value, false)
  })

  it('are those of the report data alone: no other key, provider, contract, and no quote without a mark', async () => {
    const { provider, signer, stranger, mark, dataOf, submit } = await stage()
    const made = await mark()
    assert.equal(errorOf(await submit(stranger, await dataOf(signer, made))), refused.reportData)
    assert.equal(errorOf(await submit(signer, await dataOf(signer, made, stranger))), refused.reportData)
    assert.equal(errorOf(await submit(provider, await dataOf(signer, made))), refused.reportData)
    assert.equal(errorOf(await submit(signer, await dataOf(signer, keccak256(toHex('no mark'))))), 'MarkUnknown')
  })

  it('are fresh by when the quote was made, not by when it is shown, and an older quote changes nothing', async () => {
    const { rig, provider, signer, mark, dataOf, submit } = await stage()
    const older = await mark()
    rig.evm.advance(1, 1000)
    const younger = await mark()
    const first = await submit(signer, await dataOf(signer, younger))
    assert.ok(first.ok)
    const known = await keyOf(rig, provider, signer)
    for (const made of [older, younger]) {
      assert.equal(errorOf(await submit(signer, await dataOf(signer, made))), 'NotNewer')
    }
    assert.deepEqual(await keyOf(rig, provider, signer), known)
    rig.evm.advance(1, Number(day))
    assert.equal(errorOf(await submit(signer, await dataOf(signer, younger))), 'Stale')
  })

  it('are good no longer than the collateral', async () => {
    const { rig, provider, signer, mark, dataOf, submit } = await stage()
    const end = BigInt(worldSeconds + 30 * 86_400)
    rig.evm.block.timestamp = end - 50n
    const made = await mark()
    const data = await dataOf(signer, made)
    assert.ok((await submit(signer, data)).ok)
    assert.equal((await keyOf(rig, provider, signer)).freshUntil, end)
    rig.evm.block.timestamp = end + 1n
    assert.equal(errorOf(await submit(signer, data)), refused.expired)
  })

  it('carry the state of their platform, and never come from debug mode or from a quote made without hardware', async () => {
    const { rig, teeKeys, provider, signer, mark, dataOf, submit } = await stage()
    const data = await dataOf(signer, await mark())
    assert.equal(errorOf(await submit(signer, data, { body: { 120: Uint8Array.of(1) } })), refused.debug)
    const said = { issuedSeconds: worldSeconds, measurement: new Uint8Array(48), reportData: hexToBytes(data) }
    const dev = bytesToHex(makeDevQuote(said, new Uint8Array(32).fill(1)))
    assert.equal(errorOf(await rig.send(teeKeys, 'submit', [provider, signer, dev])), refused.unsupported)
    assert.equal((await keyOf(rig, provider, signer)).freshUntil, 0n)
    assert.ok((await submit(signer, data, { body: { 0: svn(3) } })).ok)
    assert.equal((await keyOf(rig, provider, signer)).status, tcbStatuses.indexOf('OutOfDate'))
  })
})
