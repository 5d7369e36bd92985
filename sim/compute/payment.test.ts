/** Money: nobody overdraws, replays, underpays or overbills, and every wei of a receipt arrives on the chain. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { Hex } from '@weightless/codec'
import type { Provider } from '@weightless/compute'
import {
  type Authorization,
  emptyReceiptsRoot,
  encodeTerms,
  ephemeralTokenId,
  nextReceiptsRoot,
  type SigningPlace,
  signAuthorization,
  signSdkToken,
  signVoucher,
  type Voucher,
  voucherToJson,
} from '@weightless/compute/wire'
import { abis, genesis } from '@weightless/contracts'
import {
  type Bundle,
  feeOf,
  hashReceipt,
  inputHash,
  priceId,
  readBundle,
  requestHash,
  samplerHash,
} from '@weightless/receipt'
import { verifyMessage } from 'viem'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tokens } from './computeNet.ts'

const messages = [{ role: 'user', content: 'Count.' }]
const maxTokens = 5
const place: SigningPlace = {
  chainId: BigInt(genesis.chainId),
  settlement: contracts.receiptSettlement.toLowerCase() as Hex,
}
const salt: Hex = `0x${'5a'.repeat(32)}`

/** Dear enough that a balance above the contract's least transfer lasts for a few jobs only. */
const prices = { inputWeiPerToken: 10n ** 12n, outputWeiPerToken: 2n * 10n ** 12n }

let net: ComputeNet
let provider: Provider
let jobFee: bigint

describe('payment on a whole network', () => {
  before(async () => {
    net = await startComputeNet()
    provider = await net.startProvider({ ...prices, limits: { settleAgeMsMax: 50, unvouchedJobsMax: 3 } })
    await provider.ready
    await Promise.all([4, 5, 6, 7].map((index) => net.deposit(index, tokens(10))))
  })

  after(() => net.close())

  // ---- a user who speaks to the provider herself ----

  const addressOf = (index: number) => net.accountOf(index).address.toLowerCase() as Hex

  async function fund(index: number, wei: bigint): Promise<void> {
    const at = { address: contracts.ledgerManager, abi: abis.ledgerManager } as const
    const ledger = net.ledgerOf(index)
    const { fullName } = await ledger.read({
      ...at,
      functionName: 'getServiceInfo',
      args: [contracts.inferenceServing],
    })
    await ledger.submit({ ...at, functionName: 'transferFund', args: [provider.address, fullName, wei] })
  }

  function tokenOf(index: number, changes: Partial<Parameters<typeof signSdkToken>[0]> = {}, signer = index) {
    const timestamp = Date.now()
    const token = { address: addressOf(index), provider: provider.address, timestamp, expiresAt: timestamp + 60_000 }
    const rest = { nonce: '1', generation: 0, tokenId: ephemeralTokenId, ...changes }
    return signSdkToken({ ...token, ...rest }, net.accountOf(signer))
  }

  async function priceOf() {
    const { data } = (await (await fetch(`${provider.url}/v1/models`)).json()) as {
      data: { pricing: { prompt: string; completion: string; updated_at: string } }[]
    }
    const { prompt, completion, updated_at } = data[0]!.pricing
    const [inputWeiPerToken, outputWeiPerToken] = [BigInt(prompt), BigInt(completion)]
    return { model: 'tiny', inputWeiPerToken, outputWeiPerToken, updatedAt: BigInt(updated_at) }
  }

  async function termsOf(index: number, jobNonce: bigint, changes: Partial<Authorization> = {}, signer = index) {
    const sampler = samplerHash({ temperature: 1, topP: 1, maxTokens })
    const authorization: Authorization = {
      user: addressOf(index),
      provider: provider.address,
      jobNonce,
      requestHash: inputHash(requestHash(messages, [], sampler), salt),
      priceId: priceId(provider.address, await priceOf()),
      maxFee: 10n ** 15n,
      deadline: BigInt(Math.floor(Date.now() / 1000) + 600),
      ...changes,
    }
    const signature = await signAuthorization(authorization, place, net.accountOf(signer))
    return encodeTerms({ authorization, signature, salt, nonce: salt })
  }

  async function ask(index: number, terms?: string, token?: string): Promise<Response> {
    return fetch(`${provider.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token ?? (await tokenOf(index))}`,
        ...(terms ? { 'x-weightless-authorization': terms } : {}),
      },
      body: JSON.stringify({ model: 'tiny', messages, max_tokens: maxTokens }),
    })
  }

  async function codeOf(answer: Response): Promise<string> {
    const { error } = (await answer.json()) as { error?: { code: string } }
    return `${answer.status} ${error?.code ?? 'ok'}`
  }

  async function bundleOf(index: number, id: string): Promise<Bundle> {
    const headers = { authorization: `Bearer ${await tokenOf(index)}` }
    const read = readBundle(await (await fetch(`${provider.url}/v1/receipts/${id}`, { headers })).json())
    assert.ok(read.ok)
    return read.value
  }

  async function sendVoucher(index: number, voucher: Voucher, receipts: Hex[], signer = index): Promise<string> {
    const signature = await signVoucher(voucher, place, net.accountOf(signer))
    const answer = await fetch(`${provider.url}/v1/vouchers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await tokenOf(index)}` },
      body: voucherToJson({ voucher, signature, receipts }),
    })
    return codeOf(answer)
  }

  async function paidOnChain(index: number): Promise<bigint> {
    const [paid] = await net.ledgerOf(index).read({
      address: contracts.receiptSettlement,
      abi: abis.receiptSettlement,
      functionName: 'pairs',
      args: [addressOf(index), provider.address],
    })
    return paid
  }

  // ---- tests ----

  test('tokens: forged, foreign, expired, revoked and unfunded ones are refused by name', async () => {
    assert.equal(await codeOf(await ask(4)), '402 insufficient_balance')
    await fund(4, tokens(1))
    assert.equal(await codeOf(await ask(4, undefined, await tokenOf(4, {}, 5))), '401 invalid_api_key')
    assert.equal(
      await codeOf(await ask(4, undefined, await tokenOf(4, { provider: addressOf(9) }))),
      '401 invalid_api_key',
    )
    assert.equal(await codeOf(await ask(4, undefined, await tokenOf(4, { expiresAt: 1 }))), '401 token_expired')
    assert.equal(await codeOf(await ask(4, undefined, await tokenOf(4, { generation: 1 }))), '401 token_revoked')
    assert.equal(await codeOf(await ask(4, undefined, 'app-sk-!!')), '401 invalid_api_key')
    const serving = { address: contracts.inferenceServing, abi: abis.inferenceServing } as const
    const persistent = await tokenOf(4, { tokenId: 7, expiresAt: 0 })
    assert.equal(await codeOf(await ask(4, undefined, persistent)), '200 ok')
    await net.ledgerOf(4).submit({ ...serving, functionName: 'revokeToken', args: [provider.address, 7] })
    await new Promise((resolve) => setTimeout(resolve, 10))
    const later = await net.startProvider({ ...prices, folder: 'elsewhere', publicUrl: provider.url })
    await later.ready
    const refused = await fetch(`${later.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${persistent}` },
      body: '{}',
    })
    assert.equal(await codeOf(refused), '401 token_revoked')
  })

  test('authorisations: each word of them counts', async () => {
    await fund(5, tokens(1))
    const cases: [Partial<Authorization>, string][] = [
      [{ provider: addressOf(9) }, '401 invalid_authorization'],
      [{ requestHash: salt }, '401 invalid_authorization'],
      [{ priceId: salt }, '409 price_changed'],
      [{ maxFee: 1n }, '401 invalid_authorization'],
      [{ deadline: 1n }, '401 invalid_authorization'],
      [{ jobNonce: 0n }, '401 invalid_authorization'],
      [{ jobNonce: 1n << 56n }, '401 invalid_authorization'],
    ]
    for (const [change, expected] of cases) {
      assert.equal(
        await codeOf(await ask(5, await termsOf(5, 1n, change))),
        expected,
        JSON.stringify(Object.keys(change)),
      )
    }
    assert.equal(await codeOf(await ask(5, await termsOf(5, 1n, {}, 6))), '401 invalid_authorization')
    assert.equal(await codeOf(await ask(5, 'garbage')), '401 invalid_authorization')
    const first = await ask(5, await termsOf(5, 1n))
    assert.equal(await codeOf(first), '200 ok')
    assert.equal(await codeOf(await ask(5, await termsOf(5, 1n))), '409 job_nonce_used')
    const { receipt, opening } = await bundleOf(5, first.headers.get('x-weightless-receipt')!)
    assert.equal(receipt.fee, feeOf(opening.price, receipt))
    assert.equal(receipt.jobNonce, 1n)
    jobFee = receipt.fee
  })

  test('vouchers: exact ones are taken once, others never, and unpaid answers are bounded', async () => {
    const [user, receipts, root] = [addressOf(5), [] as Hex[], { now: emptyReceiptsRoot as Hex }]
    const first = await bundleByNonce(5, 1n)
    const hash = hashReceipt(first.receipt, place.settlement)
    root.now = nextReceiptsRoot(root.now, hash)
    receipts.push(hash)
    const good = { user, provider: provider.address, cumulativeFee: jobFee, jobNonce: 1n, receiptsRoot: root.now }
    const refused = '401 invalid_authorization'
    assert.equal(await sendVoucher(5, { ...good, cumulativeFee: jobFee - 1n }, receipts), refused)
    assert.equal(await sendVoucher(5, { ...good, cumulativeFee: jobFee + 1n }, receipts), refused)
    assert.equal(await sendVoucher(5, { ...good, receiptsRoot: salt }, receipts), refused)
    assert.equal(await sendVoucher(5, { ...good, cumulativeFee: 2n * jobFee }, [hash, hash]), refused)
    assert.equal(await sendVoucher(5, { ...good, cumulativeFee: 0n, receiptsRoot: emptyReceiptsRoot }, []), '200 ok')
    assert.equal(await sendVoucher(5, good, receipts, 6), refused)
    assert.equal(await sendVoucher(5, { ...good, jobNonce: 2n }, receipts), '200 ok')
    assert.equal(await sendVoucher(5, { ...good, jobNonce: 2n }, receipts), '200 ok')
    assert.equal(await sendVoucher(5, { ...good, jobNonce: 3n }, receipts), refused)
    await provider.settle()
    assert.equal(await paidOnChain(5), jobFee)
    for (const nonce of [3n, 4n, 5n]) assert.equal(await codeOf(await ask(5, await termsOf(5, nonce))), '200 ok')
    assert.equal(await codeOf(await ask(5, await termsOf(5, 6n))), '402 voucher_missing')
  })

  async function bundleByNonce(index: number, nonce: bigint): Promise<Bundle> {
    const headers = { authorization: `Bearer ${await tokenOf(index)}` }
    const read = readBundle(await (await fetch(`${provider.url}/v1/jobs/${nonce}`, { headers })).json())
    assert.ok(read.ok)
    return read.value
  }

  test('parallel jobs cannot overdraw: as many run as the balance covers', async () => {
    const worst = 10n ** 15n
    const price = await priceOf()
    const { promptTokens } = (await bundleByNonce(5, 1n)).receipt
    const most = feeOf(price, { promptTokens, completionTokens: BigInt(maxTokens) })
    await fund(6, most * 3n)
    const answers = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => ask(6, await termsOf(6, BigInt(index + 1), { maxFee: worst }))),
    )
    const codes = await Promise.all(answers.map(codeOf))
    const served = codes.filter((code) => code === '200 ok').length
    assert.ok(served >= 1 && served <= 3, codes.join())
    assert.ok(
      codes.every((code) => ['200 ok', '402 insufficient_balance', '402 voucher_missing'].includes(code)),
      codes.join(),
    )
  })

  test('without the word of the user the provider’s own settles, for the existing SDK, with checkable signatures', async () => {
    await fund(7, tokens(1))
    const body = JSON.stringify({ model: 'tiny', messages, max_tokens: maxTokens, stream: true })
    const answer = await fetch(`${provider.url}/v1/proxy/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await tokenOf(7)}` },
      body,
    })
    const bytes = new Uint8Array(await answer.arrayBuffer())
    const id = answer.headers.get('zg-res-key')
    const signed = (await (await fetch(`${provider.url}/v1/proxy/signature/${id}?model=tiny`)).json()) as {
      text: string
      signature: Hex
      signing_address: Hex
    }
    const sha = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex')
    assert.equal(signed.text, `${sha(body)}:${sha(bytes)}`)
    assert.ok(
      await verifyMessage({ address: signed.signing_address, message: signed.text, signature: signed.signature }),
    )
    const headers = { authorization: `Bearer ${await tokenOf(7)}` }
    const unsettled = await (await fetch(`${provider.url}/v1/user/${addressOf(7)}/unsettledfee`, { headers })).json()
    const { receipt } = await bundleOf(7, id!)
    assert.deepEqual(unsettled, { unsettledFee: receipt.fee.toString() })
    assert.equal((await fetch(`${provider.url}/v1/quote`)).status, 501)
    const balance = async () => {
      const at = { address: contracts.inferenceServing, abi: abis.inferenceServing } as const
      return (await net.ledgerOf(7).read({ ...at, functionName: 'getAccount', args: [addressOf(7), provider.address] }))
        .balance
    }
    const before = await balance()
    // Not acknowledged by the registry's owner: refused, kept, tried again.
    await provider.settle()
    assert.equal(await balance(), before)
    await net.ledgerOf(genesis.ownerAccountIndex).submit({
      address: contracts.inferenceServing,
      abi: abis.inferenceServing,
      functionName: 'acknowledgeTEESignerByOwner',
      args: [provider.address],
    })
    await provider.settle()
    assert.equal(await balance(), before - receipt.fee)
    await provider.settle()
    assert.equal(await balance(), before - receipt.fee)
  })

  test('a gateway’s key stops at its cap, and an empty ledger names the next step', async () => {
    const [rich, poor] = ['sk-capped', 'sk-poor']
    const gateway = await net.startGateway({
      keys: [
        { key: rich, account: net.accountOf(4), spendingCapWei: 1n },
        { key: poor, account: net.accountOf(8) },
        { key: gatewayKey, account: net.accountOf(4) },
      ],
    })
    const askGateway = (key: string) =>
      fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: 'tiny', messages, max_tokens: 4 }),
      })
    assert.equal(await codeOf(await askGateway(rich)), '402 spending_cap_reached')
    const empty = await askGateway(poor)
    assert.equal(empty.status, 402)
    assert.match(((await empty.json()) as { error: { message: string } }).error.message, /deposit/i)
    // More than the provider takes of one user at a time: the rest waits at the gateway.
    const many = await Promise.all(Array.from({ length: 12 }, () => askGateway(gatewayKey)))
    assert.deepEqual(
      many.map(({ status }) => status),
      Array(12).fill(200),
    )
    await Promise.all(many.map((answer) => answer.json()))
    await gateway.settled()
    await provider.settle()
    const headers = { authorization: `Bearer ${await tokenOf(4)}` }
    const account = (await (await fetch(`${provider.url}/v1/account`, { headers })).json()) as Record<string, string>
    assert.equal(account.receipted, account.paid_on_chain)
    assert.equal(await paidOnChain(4), BigInt(account.receipted!))
  })
})
