/** What users let auditors see: a drawn share of it goes to who is enrolled, is made again, and a wrong one is proof on chain. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bytesToHex, type Hex } from '@weightless/codec'
import { createSharedFetch, type Gateway, judgeAnswer, type Provider } from '@weightless/compute'
import { auditShared } from '@weightless/compute/audit/sharedReceipts'
import { abis, addresses, genesis } from '@weightless/contracts'
import { targetIdOf } from '@weightless/contracts/drawTargets'
import { secp256k1PublicKey } from '@weightless/crypto'
import { loadModel } from '@weightless/tensor'
import { openCheatingEngine } from '../../packages/compute/scripts/cheat.ts'
import { clientOf } from './clientOf.ts'
import { type ComputeNet, contracts, startComputeNet, tokens } from './computeNet.ts'
import { headers, weights } from './exactStage.ts'

const { auditRounds } = addresses
const rounds = { address: auditRounds, abi: abis.auditRounds } as const
const licence = { address: addresses.alignmentLicence, abi: abis.alignmentLicence } as const
const beta: Hex = `0x${'77'.repeat(32)}`

describe('answers that users share with auditors', () => {
  let net: ComputeNet
  let gateway: Gateway
  let honest: Provider
  let cheat: Provider
  let round: bigint

  before(async () => {
    net = await startComputeNet()
    honest = await net.startProvider({ folder: 'honest', accountIndex: 1 })
    cheat = await net.startProvider({
      ...{ folder: 'cheat', accountIndex: 4 },
      openEngine: () => openCheatingEngine({ env: net.env, name: 'tiny', weights, cheat: 'weight-ulp' }),
      contracts: { ...contracts, disputeGame: addresses.disputeGame },
    })
    await Promise.all([honest.ready, cheat.ready, net.deposit(2, tokens(100))])
    const limits = { directoryAgeMsMax: 0, sharedShare: 1 }
    gateway = await net.startGateway({ contracts: { ...contracts, auditRounds }, limits })
    round = await enrol(5)
  })

  after(() => net.close())

  /** With licence and bond, until its round has come. */
  async function enrol(index: number): Promise<bigint> {
    const ledger = net.ledgerOf(index)
    const self = ledger.address!
    const point = secp256k1PublicKey(new Uint8Array(32).fill(9))!
    const [keyX, keyY] = [point.subarray(1, 33), point.subarray(33)].map((half) => BigInt(bytesToHex(half)))
    const value = await ledger.read({ ...licence, functionName: 'priceWei' })
    await ledger.submit({ ...licence, functionName: 'buy', args: [self], value })
    await ledger.submit({ ...licence, functionName: 'delegate', args: [1n, self, 10_000n] })
    await ledger.submit({ ...rounds, functionName: 'join', args: [keyX!, keyY!], value: tokens(1) })
    await ledger.submit({ ...rounds, functionName: 'enrol' })
    for (let next = await now(); ; next = await now()) {
      const report = await ledger.read({ ...rounds, functionName: 'reports', args: [next, self] })
      if (report[2] === 1) return next
      await rpc('evm_increaseTime', 15)
      await rpc('evm_mine')
    }
  }

  const now = () => net.ledgerOf(5).read({ ...rounds, functionName: 'currentRound' })
  const rpc = (method: string, ...params: unknown[]) =>
    fetch(net.rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    })

  async function ask(provider: Provider, more: object, content: string) {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...headers, 'x-0g-provider-address': provider.address, ...more },
      body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content }], max_tokens: 4 }),
    })
    assert.equal(response.status, 200)
    await response.text()
    await gateway.settled()
  }

  const fetchAs = (index: number) =>
    createSharedFetch({
      ...{ env: net.env, gatewayUrl: gateway.url, account: net.accountOf(index) },
      ...{ chainId: genesis.chainId, auditRounds },
    })
  const signal = new AbortController().signal
  const audit = (provider: Provider) =>
    auditShared(
      {
        judge: (bundle, address) =>
          judgeAnswer(bundle, {
            ...{ chainId: BigInt(genesis.chainId), settlement: contracts.receiptSettlement, provider: address },
            openModel: async () => loadModel(weights.slice()),
          }),
      },
      fetchAs(5),
      { id: targetIdOf(provider.address), beta, round },
      signal,
    )

  test('go to who is enrolled in this round alone, and only those whose user said so', async () => {
    await ask(honest, {}, 'mine')
    await ask(honest, { 'x-weightless-share': 'auditors' }, 'ours')
    const shown = await fetchAs(5)(honest.address, round, signal)
    assert.equal(shown.length, 1)
    assert.ok(
      JSON.stringify(shown[0]!.opening, (_, item) => (typeof item === 'bigint' ? `${item}` : item)).includes('ours'),
    )
    assert.deepEqual(await fetchAs(6)(honest.address, round, signal), [])
    assert.deepEqual(await fetchAs(5)(honest.address, round + 1n, signal), [])
    assert.deepEqual(await fetchAs(5)(cheat.address, round, signal), [])
    const other = createSharedFetch({
      ...{ env: net.env, gatewayUrl: gateway.url, chainId: genesis.chainId, auditRounds },
      account: { ...net.accountOf(6), address: net.accountOf(5).address },
    })
    assert.deepEqual(await other(honest.address, round, signal), [])
    assert.equal((await fetch(`${gateway.url}/v1/audits/answers`, { method: 'POST', body: '{}' })).status, 400)
  })

  test('are made again: those of an honest provider are right', async () => {
    const outcomes = await audit(honest)
    assert.deepEqual(
      outcomes.map(({ verdict, isShared }) => ({ verdict, isShared })),
      [{ verdict: 'right', isShared: true }],
    )
  })

  test('show a cheat who answers users wrongly, with proof that costs it stake without any quorum', async () => {
    await ask(cheat, { 'x-weightless-share': 'auditors' }, 'Count to three.')
    const [outcome] = await audit(cheat)
    assert.equal(outcome?.verdict, 'wrong')
    // As the auditor does it behind its round; the provider looks at the chain and answers.
    const { dispute, slashing, bond } = await clientOf(net, 5, gateway.url).receipts.challenge(outcome.bundle!, {
      ...{ model: weights, pollMs: 50 },
    })
    assert.equal(dispute.outcome, 'guilty')
    assert.equal(bond, 'returned')
    assert.ok(slashing !== undefined)
  })
})
