/** A user of a compute net who speaks to a provider herself, so that a test can have her sign and withhold what it likes. */
import assert from 'node:assert/strict'
import type { Hex } from '@weightless/codec'
import {
  type Authorization,
  encodeTerms,
  ephemeralTokenId,
  type JobTerms,
  nextReceiptsRoot,
  type SigningPlace,
  signAuthorization,
  signSdkToken,
  signVoucher,
  termsHeader,
  voucherToJson,
} from '@weightless/compute/wire'
import { abis, genesis } from '@weightless/contracts'
import type { Ledger } from '@weightless/ledger'
import { type Bundle, hashReceipt, inputHash, priceId, readBundle, requestHash, samplerHash } from '@weightless/receipt'
import { type ComputeNet, contracts } from './computeNet.ts'

export type DirectUser = Awaited<ReturnType<typeof createDirectUser>>

const messages = [{ role: 'user', content: 'Count.' }]
const maxTokens = 5
const request = { model: 'tiny', messages, max_tokens: maxTokens }
const salt: Hex = `0x${'5a'.repeat(32)}`
const settlement = contracts.receiptSettlement.toLowerCase() as Hex
const place: SigningPlace = { chainId: BigInt(genesis.chainId), settlement }
/** Tests move the chain's clock ahead; authorisations must outlive that. */
const deadlineSeconds = 1_000_000

const endingIn = (seconds: number): bigint => BigInt(Math.floor(Date.now() / 1000) + seconds)

export async function createDirectUser(net: ComputeNet, provider: { address: Hex; url: string }, index: number) {
  const account = net.accountOf(index)
  const ledger = net.ledgerOf(index)
  const address = account.address.toLowerCase() as Hex
  const timestamp = Date.now()
  const token = {
    address,
    provider: provider.address,
    timestamp,
    expiresAt: timestamp + deadlineSeconds * 1000,
    nonce: '1',
  }
  const headers = {
    authorization: `Bearer ${await signSdkToken({ ...token, generation: 0, tokenId: ephemeralTokenId }, account)}`,
  }
  const readJson = async (path: string) => (await fetch(`${provider.url}${path}`, { headers })).json()

  async function terms(jobNonce: bigint, changes: Partial<Authorization> = {}): Promise<JobTerms> {
    const { data } = (await readJson('/v1/models')) as {
      data: { pricing: { prompt: string; completion: string; updated_at: string } }[]
    }
    const { prompt, completion, updated_at } = data[0]!.pricing
    const prices = { inputWeiPerToken: BigInt(prompt), outputWeiPerToken: BigInt(completion) }
    const price = { model: 'tiny', ...prices, updatedAt: BigInt(updated_at) }
    const sampler = samplerHash({ temperature: 1, topP: 1, maxTokens })
    const authorization = {
      user: address,
      provider: provider.address,
      jobNonce,
      requestHash: inputHash(requestHash(messages, [], sampler), salt),
      priceId: priceId(provider.address, price),
      maxFee: 10n ** 17n,
      deadline: endingIn(deadlineSeconds),
      ...changes,
    }
    const signature = await signAuthorization(authorization, place, account)
    return { authorization, signature, salt, nonce: salt }
  }

  return {
    address,
    ledger,
    headers,
    request,
    /** Signed for a job of `request`. */
    terms,
    async fund(wei: bigint): Promise<void> {
      const at = { address: contracts.ledgerManager, abi: abis.ledgerManager } as const
      const info = { functionName: 'getServiceInfo', args: [contracts.inferenceServing] } as const
      const { fullName } = await ledger.read({ ...at, ...info })
      await ledger.submit({ ...at, functionName: 'transferFund', args: [provider.address, fullName, wei] })
    },
    /** Has one job answered and takes its receipt; pays nothing. */
    async ask(jobNonce: bigint, endsInSeconds = deadlineSeconds): Promise<{ bundle: Bundle; receiptHash: Hex }> {
      const deadline = endingIn(endsInSeconds)
      const answer = await fetch(`${provider.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...headers, [termsHeader]: encodeTerms(await terms(jobNonce, { deadline })) },
        body: JSON.stringify(request),
      })
      assert.equal(answer.status, 200, await answer.text())
      const read = readBundle(await readJson(`/v1/jobs/${jobNonce}`))
      assert.ok(read.ok)
      return { bundle: read.value, receiptHash: hashReceipt(read.value.receipt, settlement) }
    },
    /** One job under an authorisation, with further headers; the status of the answer. */
    async askUnder(jobNonce: bigint, more: Record<string, string>, endsInSeconds = deadlineSeconds): Promise<number> {
      const signed = { [termsHeader]: encodeTerms(await terms(jobNonce, { deadline: endingIn(endsInSeconds) })) }
      return statusOf(provider.url, { ...headers, ...signed, ...more }, {})
    },
    /** One job without an authorisation, as a published SDK asks; the status of the answer. */
    askPlainly: (temperature: number) => statusOf(provider.url, headers, { temperature }),
    account: async () => (await readJson('/v1/account')) as AccountJson,
    /** Sends a voucher that adds these receipts to a sum; the status of the answer. */
    async pay(sum: { cumulativeFee: bigint; jobNonce: bigint; receipts: Hex[]; root: Hex }): Promise<number> {
      const { cumulativeFee, jobNonce, receipts } = sum
      const receiptsRoot = receipts.reduce(nextReceiptsRoot, sum.root)
      const voucher = { user: address, provider: provider.address, cumulativeFee, jobNonce, receiptsRoot }
      const signature = await signVoucher(voucher, place, account)
      const body = voucherToJson({ voucher, signature, receipts })
      return (await fetch(`${provider.url}/v1/vouchers`, { method: 'POST', headers, body })).status
    },
    ...chainOf(ledger, address, provider.address),
  }
}

async function statusOf(url: string, headers: Record<string, string>, more: object): Promise<number> {
  const body = JSON.stringify({ model: 'tiny', messages, max_tokens: maxTokens, ...more })
  const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })
  await answer.arrayBuffer()
  return answer.status
}

/** What the contracts have on record for a pair. */
function chainOf(ledger: Ledger, user: Hex, provider: Hex) {
  const settled = { address: contracts.receiptSettlement, abi: abis.receiptSettlement } as const
  const serving = { address: contracts.inferenceServing, abi: abis.inferenceServing } as const
  const args = [user, provider] as const
  return {
    async pair() {
      const [paid, owed, jobNonce, openClaims] = await ledger.read({ ...settled, functionName: 'pairs', args })
      return { paid, owed, jobNonce, openClaims }
    },
    /** Wei that are left in the sub-account. */
    balance: async () => (await ledger.read({ ...serving, functionName: 'getAccount', args })).balance,
    /** State of a claim: 0 none, 1 open, 2 contested, 3 closed. */
    claimState: async (receiptHash: Hex) =>
      (await ledger.read({ ...settled, functionName: 'claims', args: [receiptHash] }))[2],
  }
}

type AccountJson = {
  job_nonce: string
  vouched: string
  receipted: string
  receipts_root: Hex
  paid_on_chain: string
  unvouched: {
    receipt_hash: Hex
    authorization: { authorization: Record<keyof Authorization, string>; signature: Hex }
  }[]
  claims: { receipt_hash: Hex; state: string; held: string }[]
}

export type UnvouchedJob = AccountJson['unvouched'][number]
