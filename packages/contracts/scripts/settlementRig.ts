/** A provider, funded users and their signatures over a contract rig: the stage of the settlement tests and gas figures. */
import { encodeAbiParameters, type Hex, hashTypedData, keccak256, parseEther, toHex } from 'viem'
import type { LocalAccount } from 'viem/accounts'
import { acceptanceTypes, authorizationTypes, receiptDomain, receiptTypes, voucherTypes } from '../src/typedData.ts'
import { decodeVoucherOutcomes, encodeVoucherBatch, type VoucherOutcome } from '../src/voucherBatch.ts'
import { createRig, type Rig } from './contractRig.ts'

export type Voucher = { user: Hex; provider: Hex; cumulativeFee: bigint; jobNonce: bigint; receiptsRoot: Hex }
export type Authorization = {
  user: Hex
  provider: Hex
  jobNonce: bigint
  requestHash: Hex
  priceId: Hex
  maxFee: bigint
  deadline: bigint
}
export type Price = { modelHash: Hex; inputPrice: bigint; outputPrice: bigint; updatedAt: bigint }
/** Another place that a signature is for, to test that it is refused here. */
export type Elsewhere = { chainId?: number; verifyingContract?: Hex }

export const word = (byte: string): Hex => `0x${byte.repeat(32)}`
export const price: Price = { modelHash: keccak256(toHex('smollm2')), inputPrice: 3n, outputPrice: 5n, updatedAt: 77n }

export function priceIdOf(provider: Hex, { modelHash, inputPrice, outputPrice, updatedAt }: Price): Hex {
  const types = [
    { type: 'address' },
    { type: 'bytes32' },
    { type: 'uint256' },
    { type: 'uint256' },
    { type: 'uint256' },
  ]
  return keccak256(encodeAbiParameters(types, [provider, modelHash, inputPrice, outputPrice, updatedAt]))
}

export async function createSettlementRig(openRig: () => Promise<Rig> = () => createRig()) {
  const rig = await openRig()
  const { receiptSettlement } = rig.contracts
  const provider = rig.accounts[9]!
  const domain = (elsewhere: Elsewhere = {}) => ({
    ...receiptDomain,
    chainId: rig.chainId,
    verifyingContract: receiptSettlement.address,
    ...elsewhere,
  })
  return {
    rig,
    provider,
    settlement: receiptSettlement,
    settle: (items: readonly (readonly [Voucher, Hex])[], from = provider.address) => settle(rig, items, from),
    fund: (user: Hex, wei: bigint, target = provider.address) => fund(rig, user, wei, target),
    voucher: (user: Hex, cumulativeFee: bigint, jobNonce: bigint): Voucher => ({
      user,
      provider: provider.address,
      cumulativeFee,
      jobNonce,
      receiptsRoot: keccak256(toHex(jobNonce)),
    }),
    signVoucher: (by: LocalAccount, message: Voucher, elsewhere?: Elsewhere) =>
      by.signTypedData({ domain: domain(elsewhere), types: voucherTypes, primaryType: 'Voucher', message }),
    signAuthorization: (by: LocalAccount, message: Authorization, elsewhere?: Elsewhere) =>
      by.signTypedData({ domain: domain(elsewhere), types: authorizationTypes, primaryType: 'Authorization', message }),
    signAcceptance: (by: LocalAccount, message: Authorization, elsewhere?: Elsewhere) => {
      const at = domain(elsewhere)
      const authorization = hashTypedData({
        domain: at,
        types: authorizationTypes,
        primaryType: 'Authorization',
        message,
      })
      const accepted = { domain: at, types: acceptanceTypes, primaryType: 'Acceptance' } as const
      return by.signTypedData({ ...accepted, message: { authorization } })
    },
    signReceipt: (by: LocalAccount, message: ReturnType<typeof receiptOf>, elsewhere?: Elsewhere) =>
      by.signTypedData({ domain: domain(elsewhere), types: receiptTypes, primaryType: 'Receipt', message }),
    balance: async (user: Hex) => {
      const account = await rig.send(rig.contracts.inferenceServing, 'getAccount', [user, provider.address])
      return account.ok ? account.value.balance : 0n
    },
    pair: async (user: Hex) => {
      const { value } = await rig.must(receiptSettlement, 'pairs', [user, provider.address])
      const [paid, owed, jobNonce, openClaims] = value
      return { paid, owed, jobNonce: BigInt(jobNonce), openClaims }
    },
  }
}

export type SettlementRig = Awaited<ReturnType<typeof createSettlementRig>>

/** Settles a batch; `value` has the outcomes. */
async function settle(rig: Rig, items: readonly (readonly [Voucher, Hex])[], from: Hex) {
  const args = [encodeVoucherBatch(items)] as const
  const { value, ...sent } = await rig.must(rig.contracts.receiptSettlement, 'settleVouchers', args, { from })
  return { ...sent, value: decodeVoucherOutcomes(value) satisfies VoucherOutcome[] }
}

/** Gives `user` a ledger and exactly `wei` more in the account with `target`. */
async function fund(rig: Rig, user: Hex, wei: bigint, target: Hex): Promise<void> {
  const { ledgerManager } = rig.contracts
  await rig.must(ledgerManager, 'depositFund', [], { from: user, value: wei + parseEther('1') })
  await rig.must(ledgerManager, 'transferFund', [target, 'inference-v1.0', wei], { from: user })
}

export function authorizationOf(user: Hex, provider: Hex, jobNonce: bigint, deadline: bigint): Authorization {
  const common = { requestHash: word('aa'), priceId: priceIdOf(provider, price), maxFee: 1_000n }
  return { user, provider, jobNonce, deadline, ...common }
}

/** 10 tokens in, 20 out: 130 wei. */
export function receiptOf(user: Hex, provider: Hex, jobNonce: bigint, chainId: number) {
  return {
    version: 1,
    serviceClass: 1,
    check: 1,
    chainId: BigInt(chainId),
    user,
    provider,
    modelRoot: word('01'),
    programId: word('02'),
    tokenizerRoot: word('03'),
    sampler: word('04'),
    seed: word('05'),
    inputHash: word('aa'),
    outputHash: word('07'),
    traceRoot: word('08'),
    promptTokens: 10n,
    completionTokens: 20n,
    priceId: priceIdOf(provider, price),
    fee: 130n,
    jobNonce,
    timestamp: 1_767_226_000n,
  }
}
