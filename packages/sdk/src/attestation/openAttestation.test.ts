/** A provider's key in trusted hardware, from the mark to the record, over a real chain under the root of the tests. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeDevQuote } from '@weightless/attest'
import { makeDcapWorld } from '@weightless/attest/testing/makeDcapWorld'
import { testAccounts } from '@weightless/chain/testing/openTestChain'
import type { Hex } from '@weightless/codec'
import { createLedger } from '@weightless/ledger'
import { sealChat } from '../chat/sealChat.ts'
import type { ClientContext } from '../clientContext.ts'
import { openTeeChain, type TeeChain } from '../testing/openTeeChain.ts'
import { openAttestation, readTeeKey, teeKeyOfSealing } from './openAttestation.ts'

const atSeconds = Math.floor(Date.now() / 1000)
const provider: Hex = `0x${'11'.repeat(20)}`
const encryptionKey: Hex = `0x${'22'.repeat(32)}`
const key = teeKeyOfSealing(encryptionKey)
const { collateral, policy } = makeDcapWorld({ atSeconds })

/** A quote of a domain that is bound to the data. */
const quoteFor = (reportData: Uint8Array, body = {}) =>
  makeDcapWorld({ atSeconds, body: { ...body, 520: reportData } }).quote

describe('Keys in trusted hardware', () => {
  let chain: TeeChain
  let context: ClientContext

  before(async () => {
    chain = await openTeeChain(policy.root.bytes)
    const ledger = createLedger({ rpcUrl: chain.url, env: chain.env, account: testAccounts[0]!, pollMs: 20 })
    context = { config: { contracts: chain.contracts }, env: chain.env, ledger } as unknown as ClientContext
  })
  after(() => chain.close())

  test('a quote without collateral is refused by name, and so is one that was made without hardware', async () => {
    const attestation = openAttestation(context)
    assert.equal(await attestation.keyOf(provider), undefined)
    const quote = quoteFor(new Uint8Array(64))
    await assert.rejects(attestation.submit({ provider, key, quote }), {
      code: 'sdk/attestation-refused',
      facts: { what: 'the quote', code: 'collateral' },
    })
    const said = { issuedSeconds: atSeconds, measurement: new Uint8Array(48), reportData: new Uint8Array(64) }
    const dev = makeDevQuote(said, new Uint8Array(32).fill(1))
    await assert.rejects(attestation.submit({ provider, key, quote: dev }), {
      facts: { what: 'the quote', code: 'unsupported' },
    })
  })

  test('collateral comes once, the key is recorded, and another key or an old quote is refused', async () => {
    const attestation = openAttestation(context)
    const parts = await attestation.putCollateral(collateral)
    assert.equal(parts.filter(({ gasUsed }) => gasUsed !== undefined).length, 6)
    const again = await attestation.putCollateral(collateral)
    assert.deepEqual(
      again,
      parts.map(({ what }) => ({ what, gasUsed: undefined })),
    )
    const { reportData, markedSeconds } = await attestation.bind(provider, key)
    const quote = quoteFor(reportData)
    await attestation.submit({ provider, key, quote })
    const record = await attestation.keyOf(provider)
    const { measurement, attestedAtSeconds, ...rest } = record!
    assert.deepEqual(rest, {
      provider,
      key: record!.key,
      tee: 'tdx',
      quoteVersion: 4,
      status: 'UpToDate',
      madeAfterSeconds: markedSeconds,
      freshUntilSeconds: markedSeconds + 86_400,
      isFresh: true,
    })
    assert.equal(record!.key.toLowerCase(), key)
    assert.ok(attestedAtSeconds >= markedSeconds && /^0x[0-9a-f]{64}$/.test(measurement))
    await assert.rejects(attestation.submit({ provider, key: provider, quote }), {
      facts: { what: 'the quote', code: 'report-data' },
    })
    await assert.rejects(attestation.submit({ provider, key, quote }), /NotNewer/)
    await assert.rejects(attestation.putCollateral({ ...collateral, tcb_info: '{}' }), { code: 'sdk/collateral-form' })
  })

  test('a sealed chat that demands it goes to an attested key alone, of a state and measurement that are good enough', async () => {
    const record = (await readTeeKey(context, provider, key))!
    const ask = (encryption: Hex, attested: Parameters<typeof sealChat>[2]['attested']) =>
      sealChat(withService(context, encryption), { messages: [] }, { model: 'm', ...(attested && { attested }) })
    assert.ok((await ask(encryptionKey, {})).envelope)
    assert.ok((await ask(encryptionKey, { measurements: [record.measurement] })).envelope)
    const other: Hex = `0x${'33'.repeat(32)}`
    assert.ok((await ask(other, undefined)).envelope)
    const refused = { code: 'sdk/nobody-attested' }
    await assert.rejects(ask(other, {}), refused)
    await assert.rejects(ask(encryptionKey, { measurements: [other] }), refused)
    await assert.rejects(ask(encryptionKey, { allowStatuses: ['SWHardeningNeeded'] }), refused)
    await chain.rpc('evm_increaseTime', [86_401])
    await chain.rpc('evm_mine', [])
    assert.equal((await readTeeKey(context, provider, key))!.isFresh, false)
    await assert.rejects(ask(encryptionKey, {}), refused)
  })
})

/** The same chain, on which the provider offers a model with this key for sealing. */
function withService(context: ClientContext, encryption: Hex): ClientContext {
  const additionalInfo = JSON.stringify({ weightless: { encryptionKey: encryption } })
  const read = async (call: { functionName: string }) =>
    call.functionName === 'getAllServices'
      ? [[{ provider, model: 'm', additionalInfo }], 1n]
      : context.ledger.read(call as never)
  const contracts = { ...context.config.contracts, inferenceServing: provider }
  return { ...context, config: { contracts }, ledger: { ...context.ledger, read } } as unknown as ClientContext
}
