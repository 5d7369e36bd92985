/** Gas of each call that users and providers make, as a receipt would state it (Cancun, calldata included), and of a dispute's rules. */
import { type Hex, keccak256, parseEther, toHex } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { abis } from '../src/abis.ts'
import { teeSettlementDomain, teeSettlementTypes } from '../src/typedData.ts'
import { createRig, type Rig } from './contractRig.ts'
import type { GasTable } from './gasTable.ts'
import { measureAttestation } from './measureAttestation.ts'
import { measureAudits } from './measureAudits.ts'
import { measureJudge } from './measureJudge.ts'
import { measureMarket } from './measureMarket.ts'
import { measureRules } from './measureRules.ts'
import { measureTraining } from './measureTraining.ts'
import { createPoraRig } from './poraRig.ts'
import { presets } from './presets.ts'
import { authorizationOf, createSettlementRig, price, receiptOf } from './settlementRig.ts'

const requestsHash = keccak256(toHex('requests'))

export async function measureGas(): Promise<GasTable> {
  return {
    ...(await measureFlow()),
    ...(await measureMine()),
    ...(await measureSignerSettlement()),
    ...(await measureVouchers()),
    ...(await measureMarket()),
    ...(await measureAudits()),
    ...(await measureAttestation()),
    ...(await measureRules()),
    ...(await measureJudge()),
    ...(await measureTraining()),
  }
}

async function measureFlow(): Promise<GasTable> {
  const rig = await createRig()
  const { flow } = rig.contracts
  const submitter = rig.accounts[1]!.address
  const legacy = { abi: abis.flowLegacySubmit, address: flow.address }
  const file = (name: string, ...heights: bigint[]) => ({
    length: heights.reduce((sum, height) => sum + 256n * 2n ** height, 0n),
    tags: '0x' as Hex,
    nodes: heights.map((height) => ({ root: keccak256(toHex(`${name}${height}`)), height })),
  })
  const options = { from: submitter, value: parseEther('1') }
  const submit = async (data: ReturnType<typeof file>) =>
    Number((await rig.must(flow, 'submit', [{ data, submitter }], options)).gasUsed)
  const small = file('a', 0n)
  const table: GasTable = { 'flow.submit first, 1 sector': await submit(small) }
  table['flow.submit next, 1 sector'] = await submit(file('b', 0n))
  table['flow.submit next, 4 nodes'] = await submit(file('c', 12n, 11n, 10n, 9n))
  table['flow.submit repeat of a paid root'] = await submit(small)
  table['flow.submit older generation'] = Number((await rig.must(legacy, 'submit', [file('d', 0n)], options)).gasUsed)
  const batch = ['e', 'f'].map((name) => ({ data: file(name, 0n), submitter }))
  table['flow.batchSubmit of 2'] = Number((await rig.must(flow, 'batchSubmit', [batch], options)).gasUsed)
  table['flow.renew'] = Number((await rig.must(flow, 'renew', [{ data: small, submitter }], options)).gasUsed)
  rig.evm.advance(Number(presets.weightless.blocksPerEpoch), 200)
  table['flow.makeContext of 1 epoch'] = Number((await rig.must(flow, 'makeContext', [])).gasUsed)
  return table
}

async function measureMine(): Promise<GasTable> {
  const { rig, register, work, answer } = await createPoraRig(4)
  const { poraMine, rewardPool } = rig.contracts
  const beneficiary = rig.accounts[2]!.address
  const requested = await rig.must(poraMine, 'requestMinerId', [beneficiary, 7n])
  const minerId = await register()
  rig.evm.advance(1, 100)
  const task = await work(minerId)
  const first = answer(minerId, task)
  const table: GasTable = { 'poraMine.requestMinerId': Number(requested.gasUsed) }
  table['poraMine.submit first of an epoch'] = Number((await rig.must(poraMine, 'submit', [first])).gasUsed)
  const next = answer(minerId, task, Number(first.nonce) + 1)
  table['poraMine.submit next'] = Number((await rig.must(poraMine, 'submit', [next])).gasUsed)
  const pora = await rig.must(poraMine, 'pora', [next, task.subtaskDigest])
  table['poraMine.pora, as a transaction'] = Number(pora.gasUsed)
  const withdrawn = await rig.must(rewardPool, 'withdrawPayments', [beneficiary])
  table['rewardPool.withdrawPayments'] = Number(withdrawn.gasUsed)
  return table
}

async function measureSignerSettlement(): Promise<GasTable> {
  const rig = await createRig(presets.upstream)
  const { inferenceServing } = rig.contracts
  const [provider, signer] = [rig.accounts[9]!.address, rig.accounts[8]!]
  const table: GasTable = {}
  const params = { serviceType: 'chatbot', url: 'http://127.0.0.1:8081', model: 'm', verifiability: 'OpML' }
  const prices = { inputPrice: 1n, outputPrice: 1n, additionalInfo: '', teeSignerAddress: signer.address }
  const stake = { from: provider, value: parseEther('100') }
  await rig.must(inferenceServing, 'addOrUpdateService', [{ ...params, ...prices }], stake)
  await rig.must(inferenceServing, 'acknowledgeTEESignerByOwner', [provider])
  const users = await openAccounts(rig, provider, table)
  const settle = async (count: number, nonce: bigint) => {
    const domain = { ...teeSettlementDomain, chainId: rig.chainId, verifyingContract: inferenceServing.address }
    const items = users.slice(0, count).map(async ({ address: user }) => {
      const message = { requestsHash, nonce, provider, user, totalFee: 1000n }
      const typed = { domain, types: teeSettlementTypes, primaryType: 'TEESettlement', message } as const
      return { ...message, signature: await signer.signTypedData(typed) }
    })
    return rig.must(inferenceServing, 'settleFeesWithTEE', [await Promise.all(items)], { from: provider })
  }
  await settle(50, 1n)
  for (const [index, count] of [1, 10, 50].entries()) {
    const { gasUsed } = await settle(count, BigInt(index + 2))
    table[`inferenceServing.settleFeesWithTEE of ${count}, per pair`] = Math.round(Number(gasUsed) / count)
  }
  return table
}

/** 50 users with a sub-account; adds the first one's gas to `table`. */
async function openAccounts(rig: Rig, provider: Hex, table: GasTable): Promise<PrivateKeyAccount[]> {
  const users = Array.from({ length: 50 }, (_, index) => privateKeyToAccount(keccak256(toHex(`user ${index}`))))
  for (const [index, { address: from }] of users.entries()) {
    await rig.evm.setAccount(from, { balance: parseEther('10') })
    const opened = await rig.must(rig.contracts.ledgerManager, 'addLedger', ['info'], { from, value: parseEther('5') })
    const args = [provider, 'inference-v1.0', parseEther('2')] as const
    const moved = await rig.must(rig.contracts.ledgerManager, 'transferFund', args, { from })
    if (index !== 0) continue
    table['ledgerManager.addLedger'] = Number(opened.gasUsed)
    table['ledgerManager.transferFund first'] = Number(moved.gasUsed)
  }
  return users
}

async function measureVouchers(): Promise<GasTable> {
  const stage = await createSettlementRig()
  const { rig, provider, settlement } = stage
  const table: GasTable = {}
  const users = await openAccounts(rig, provider.address, {})
  const settle = async (count: number, round: bigint) => {
    const vouchers = users.slice(0, count).map(({ address }) => stage.voucher(address, round * 10n ** 12n, round))
    const signatures = await Promise.all(vouchers.map((voucher, i) => stage.signVoucher(users[i]!, voucher)))
    return stage.settle(vouchers.map((voucher, index) => [voucher, signatures[index]!]))
  }
  const first = await settle(50, 1n)
  table['receiptSettlement.settleVouchers of 50, first time, per pair'] = Math.round(Number(first.gasUsed) / 50)
  for (const [index, count] of [1, 10, 50].entries()) {
    const { gasUsed } = await settle(count, BigInt(index + 2))
    table[`receiptSettlement.settleVouchers of ${count}, per pair`] = Math.round(Number(gasUsed) / count)
  }
  const [user] = users
  const authorization = authorizationOf(user!.address, provider.address, 90n, rig.evm.block.timestamp)
  const receipt = receiptOf(user!.address, provider.address, 90n, rig.chainId)
  const signatures = [await stage.signAuthorization(user!, authorization), await stage.signReceipt(provider, receipt)]
  const args = [authorization, signatures[0]!, receipt, signatures[1]!, price] as const
  const claimed = await rig.must(settlement, 'claim', args, { from: provider.address })
  table['receiptSettlement.claim'] = Number(claimed.gasUsed)
  rig.evm.advance(1, 600)
  const paid = await rig.must(settlement, 'payClaim', [claimed.value], { from: provider.address })
  table['receiptSettlement.payClaim'] = Number(paid.gasUsed)
  return table
}
