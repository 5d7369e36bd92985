import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { measureGas } from '../scripts/measureGas.ts'

const snapshot: { [call: string]: number } = JSON.parse(
  readFileSync(new URL('../gas.snapshot.json', import.meta.url), 'utf8'),
)

/** What the same calls cost in the existing network's contracts, run by us (v1.1), and our own goal. */
const bounds = {
  'ledgerManager.addLedger': 154_777,
  'ledgerManager.transferFund first': 409_893,
  'inferenceServing.settleFeesWithTEE of 1, per pair': 151_784,
  'inferenceServing.settleFeesWithTEE of 10, per pair': 75_935,
  'inferenceServing.settleFeesWithTEE of 50, per pair': 59_590,
  'receiptSettlement.settleVouchers of 50, per pair': 25_000,
}

describe('Gas', () => {
  it('is what the snapshot in the repository says, to the unit', async () => {
    assert.deepEqual(await measureGas(), snapshot)
  })

  for (const [call, limit] of Object.entries(bounds)) {
    it(`of ${call} is at most ${limit}`, () => assert.ok(snapshot[call]! <= limit, `${snapshot[call]}`))
  }

  it('of a quote of trusted hardware is at most 3,000,000 with its collateral cached', () => {
    const quotes = Object.entries(snapshot).filter(([call]) => call.startsWith('dcapVerifier.verify of '))
    assert.equal(quotes.length, 3)
    for (const [call, gas] of quotes) assert.ok(gas <= 3_000_000, `${call}: ${gas}`)
  })

  it('of a dispute over one word is at most 3,000,000, by whichever rule', () => {
    const words = Object.entries(snapshot).filter(([call]) => /^dispute\.word (of sample )?by /.test(call))
    assert.equal(words.length, 25 + 13)
    for (const [call, gas] of words) assert.ok(gas <= 3_000_000, `${call}: ${gas}`)
  })

  it('of the whole transaction that decides is at most 3,000,000, for each operator at a context of 8,191', () => {
    const whole = Object.entries(snapshot).filter(([call]) => call.startsWith('dispute.proveWord of '))
    assert.equal(whole.length, 12)
    for (const [call, gas] of whole) assert.ok(gas <= 3_000_000, `${call}: ${gas}`)
  })
})
