import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { verifyTogether } from '@weightless/crypto'
import { verifyNatively } from '@weightless/env/browser'
import '@weightless/env/node'
import { codeOfRefusal, readPublicQuotes } from '../testing/publicQuotes.ts'
import { tcbStatuses } from './tcbStatus.ts'
import { verifyDcapQuote } from './verifyDcapQuote.ts'

const quotes = readPublicQuotes()
const isWhole = Number(process.env.WEIGHTLESS_FUZZ ?? 0) > 0
const textStep = isWhole ? 1 : 17
const places = isWhole ? 200 : 8
const genuine = quotes.filter(({ recorded }) => recorded.refused === undefined)

function verify(quote: Uint8Array, collateral: unknown, atSeconds: number) {
  return verifyDcapQuote(quote, collateral, { atSeconds, allowStatuses: tcbStatuses })
}

describe('public quotes', () => {
  for (const { name, quote, collateral, recorded } of quotes) {
    test(`${name}: status and advisories are those of dcap-qvl`, () => {
      const verdict = verify(quote, collateral, recorded.atSeconds)
      if (recorded.refused !== undefined) {
        assert.equal(!verdict.ok && verdict.code, codeOfRefusal(recorded.refused))
        return
      }
      assert.ok(verdict.ok, JSON.stringify(verdict))
      const { status, advisoryIds } = verdict.value
      assert.deepEqual(
        { status, advisoryIds: [...advisoryIds].sort() },
        { status: recorded.status, advisoryIds: recorded.advisoryIds.sort() },
      )
    })
  }

  test('signatures verified together by WebCrypto, as in a browser: the same verdicts', async () => {
    const text = Buffer.from(quotes[0]!.quote).indexOf('-----BEGIN')
    for (const { quote, collateral, recorded } of quotes) {
      for (const at of [undefined, 60, 700, text + 400]) {
        const bytes = at === undefined ? quote : quote.with(at, quote[at]! ^ 1)
        const work = () => verify(bytes, collateral, recorded.atSeconds)
        assert.deepEqual(await verifyTogether(verifyNatively, work), work())
      }
    }
  })

  test('versions 3, 4 and 5 are among them, of both TEEs', () => {
    const seen = genuine.map(({ quote, collateral, recorded }) => {
      const verdict = verify(quote, collateral, recorded.atSeconds)
      return verdict.ok ? `${verdict.value.tee} ${verdict.value.quoteVersion}` : ''
    })
    assert.deepEqual(seen.sort(), ['sgx 3', 'sgx 3', 'tdx 4', 'tdx 4', 'tdx 5'])
  })

  for (const { name, quote, collateral, recorded } of genuine) {
    test(`${name}: one bit of any byte changed, and it is refused`, () => {
      // Certificates are in text at the end, where the quick form takes one byte in 17.
      const text = Buffer.from(quote).indexOf('-----BEGIN')
      const accepted: number[] = []
      for (let at = 0; at < quote.length; at += at < text ? 1 : textStep) {
        const copy = quote.slice()
        copy[at]! ^= 1 << (at % 8)
        if (verify(copy, collateral, recorded.atSeconds).ok) accepted.push(at)
      }
      assert.deepEqual(accepted, [])
    })

    test(`${name}: the collateral changed anywhere, and it is refused`, () => {
      const fields = Object.keys(collateral).filter((field) => field !== 'pck_certificate_chain')
      assert.equal(fields.length, 9)
      for (const field of fields) {
        const value = collateral[field]!
        for (let at = 0; at < value.length; at += Math.ceil(value.length / places)) {
          const changed = value.slice(0, at) + String.fromCharCode(value.charCodeAt(at) ^ 1) + value.slice(at + 1)
          const verdict = verify(quote, { ...collateral, [field]: changed }, recorded.atSeconds)
          assert.equal(verdict.ok, false, `${field} at ${at}`)
        }
        const { [field]: _, ...rest } = collateral
        const verdict = verify(quote, rest, recorded.atSeconds)
        assert.equal(!verdict.ok && verdict.code, 'collateral')
      }
    })
  }

  test('all of it has its time', () => {
    for (const { quote, collateral, recorded } of genuine) {
      const late = verify(quote, collateral, recorded.atSeconds + 90 * 86_400)
      const early = verify(quote, collateral, recorded.atSeconds - 90 * 86_400)
      assert.equal(!late.ok && late.code, 'expired')
      assert.equal(!early.ok && early.code, 'not-yet-valid')
    }
  })

  test('the collateral of one TEE does not serve the other', () => {
    const [sgx, tdx] = ['sgx-v3', 'tdx-v4'].map((wanted) => genuine.find(({ name }) => name === wanted)!)
    const verdict = verify(sgx!.quote, tdx!.collateral, tdx!.recorded.atSeconds)
    assert.equal(!verdict.ok && verdict.code, 'collateral')
  })
})
