/** Which faults bundles show, and that nothing is a fault that the provider did not sign itself. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { privateKeyToAccount } from 'viem/accounts'
import { type Authorization, hashAcceptance, isAccepted, signAcceptance } from './authorization.ts'
import { bundleToJson, readBundle } from './bundle.ts'
import { checkBundle } from './checkBundle.ts'
import { findProvableFault } from './findProvableFault.ts'
import type { Bundle } from './openedReceipt.ts'
import { signReceipt } from './receipt.ts'

const { vectors } = JSON.parse(
  readFileSync(new URL('../../../vectors/receipt/receipts.json', import.meta.url), 'utf8'),
) as { vectors: { privateKey: `0x${string}`; bundle: unknown }[] }
const [vector] = vectors
const account = privateKeyToAccount(vector!.privateKey)
const stranger = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const read = readBundle(vector!.bundle)
assert.ok(read.ok)
const honest = read.value
const { receipt, settlement } = honest
const place = { chainId: receipt.chainId, settlement }
const word = (byte: string) => `0x${byte.repeat(32)}` as const
const authorization: Authorization = {
  ...{ user: receipt.user, provider: receipt.provider, jobNonce: receipt.jobNonce },
  ...{ requestHash: receipt.inputHash, priceId: receipt.priceId, maxFee: receipt.fee, deadline: receipt.timestamp },
}

async function signed(change: Partial<typeof receipt>, by = account): Promise<Bundle> {
  const changed = { ...receipt, ...change }
  return { ...honest, receipt: changed, signature: await signReceipt(changed, settlement, by) }
}
async function accepted(bundle: Bundle, change: Partial<Authorization> = {}, by = account): Promise<Bundle> {
  const terms = { ...authorization, ...change }
  return { ...bundle, acceptance: { authorization: terms, signature: await signAcceptance(terms, place, by) } }
}

test('an acceptance survives as JSON, is checked, and changes nothing else of a bundle', async () => {
  const bundle = await accepted(honest)
  const again = readBundle(JSON.parse(JSON.stringify(bundleToJson(bundle))))
  assert.ok(again.ok)
  assert.deepEqual(again.value.acceptance, bundle.acceptance)
  assert.ok(isAccepted(again.value.acceptance!, place))
  assert.deepEqual(await checkBundle(again.value), await checkBundle(honest))
  assert.ok(!isAccepted({ ...bundle.acceptance!, signature: '0x' }, place))
  assert.ok(!isAccepted(bundle.acceptance!, { ...place, chainId: 1n }))
  const half = bundleToJson(bundle) as { acceptance: { authorization: object } }
  const malformed = {
    ...half,
    acceptance: { ...half.acceptance, authorization: { ...half.acceptance.authorization, maxFee: 1 } },
  }
  assert.ok(!readBundle(malformed).ok)
})

test('each broken term is found, and a kept acceptance to the last wei and second shows nothing', async () => {
  assert.equal(findProvableFault(await accepted(honest)), undefined)
  const terms = [
    [{ requestHash: word('ab') }, 'request'],
    [{ priceId: word('ab') }, 'price'],
    [{ maxFee: receipt.fee - 1n }, 'fee'],
    [{ deadline: receipt.timestamp - 1n }, 'deadline'],
  ] as const
  for (const [change, term] of terms) {
    const fault = findProvableFault(await accepted(honest, change))
    assert.ok(fault?.kind === 'broken-acceptance')
    assert.equal(fault.term, term)
    assert.equal(findProvableFault(await accepted(honest, change, stranger)), undefined)
  }
  assert.equal(
    findProvableFault(await accepted(honest, { requestHash: word('ab'), jobNonce: receipt.jobNonce + 1n })),
    undefined,
  )
})

test('a false bill and a contradiction are found, and neither in what a stranger signed', async () => {
  const bill = findProvableFault(await signed({ fee: receipt.fee + 1n }))
  assert.ok(bill?.kind === 'false-bill')
  assert.equal(bill.feeWei, receipt.fee)
  assert.equal(findProvableFault(await signed({ fee: receipt.fee + 1n }, stranger)), undefined)
  assert.equal(findProvableFault(honest), undefined)
  const other = await signed({ traceRoot: word('ab') })
  assert.equal(findProvableFault(honest, other)?.kind, 'contradiction')
  assert.equal(findProvableFault(honest, honest), undefined)
  assert.equal(findProvableFault(honest, await signed({ traceRoot: word('ab') }, stranger)), undefined)
  assert.equal(findProvableFault(honest, await signed({ jobNonce: receipt.jobNonce + 1n })), undefined)
})

test('two acceptances of one job are found where both bundles keep theirs', async () => {
  const [one, other] = [await accepted(honest), await accepted(honest, { maxFee: receipt.fee + 1n })]
  assert.equal(findProvableFault(one, other)?.kind, 'double-acceptance')
  assert.equal(findProvableFault(one, one), undefined)
  assert.notEqual(
    hashAcceptance(one.acceptance!.authorization, place),
    hashAcceptance(other.acceptance!.authorization, place),
  )
})
