/**
 * Clients that pay for files and die at it: at any moment, with requests and answers lost, connections reset, two of them for
 * the same files at once, and the chain's host losing power. Chain, contracts and client are the real ones.
 */
import { type PayWish, payOnce } from '@weightless/blobs/payForBlob'
import { type Chain, openChain } from '@weightless/chain'
import type { Hex } from '@weightless/codec'
import { abis, addresses, genesis } from '@weightless/contracts'
import { fileTree } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { createSim, type Sim } from '@weightless/env/sim'
import { loadEvmModule } from '@weightless/evm/createEvm'
import { createLedger, type Ledger } from '@weightless/ledger'
import { mnemonicToAccount } from 'viem/accounts'
import { claim, type Scenario } from './scenario.ts'

export const storagePayment: Scenario = {
  name: 'storage/payment',
  claim: 'However often a client dies, is cut off or runs twice, each file is on chain and paid for exactly once.',
  plants: [],
  fires: ['kill', 'crash', 'message lost', 'connection reset', 'connection broken by crash', 'connection refused'],
  run: runPayment,
}

const chainId = 31337
const rpcUrl = 'http://chain:8545'
const account = mnemonicToAccount(genesis.mnemonic, { addressIndex: 3 })
const readFlowAddress = () => Promise.resolve(addresses.flow)
const clients = ['a', 'b']
const livesMax = 5

async function runPayment(seed: number, onSim: (sim: Sim) => void): Promise<void> {
  const sim = createSim({ seed, faults: { lossChance: 0.03, resetChance: 0.02, sectorLossChance: 0.3 } })
  onSim(sim)
  const wishes = Array.from({ length: 1 + sim.random.integer(3) }, (): PayWish => {
    const file = fileTree(sim.random.bytes(1 + sim.random.integer(5_000)))
    return { file, tags: '0x', isAnew: false }
  })
  // What loads in real time is there before virtual time begins.
  await loadEvmModule()
  await sim.run(tellStory(sim, wishes), 3_000_000)
}

async function tellStory(sim: Sim, wishes: readonly PayWish[]): Promise<void> {
  await serveChain(sim.boot('chain'))
  const watcher = open(sim.boot('watcher'))
  const before = await calmly(sim, () => held(watcher))
  const fees = await calmly(sim, () => Promise.all(wishes.map(({ file }) => feeOf(watcher, file.shape.paddedSectors))))
  const killer = sim.boot('killer')
  const living = clients.map((client) => liveOften(sim, killer, client, wishes))
  await Promise.all([...living, cutPower(sim, killer)])
  Object.assign(sim.faults, { lossChance: 0, resetChance: 0 })
  const payments = await pay(sim.boot('a'), wishes)
  claim(payments.length === wishes.length, 'a file is not on chain')
  const paid = (await held(watcher)) - before
  const due = fees.reduce((sum, fee) => sum + fee, 0n)
  claim(due > 0n && paid === due, `${paid} wei were paid for files of ${due} wei`)
}

/** One client: it pays, and dies before it has, a few times over. The last life is left alone. */
async function liveOften(sim: Sim, killer: Env, client: string, wishes: readonly PayWish[]): Promise<void> {
  for (let life = 0; life < livesMax; life++) {
    const env = sim.boot(client)
    const paying = pay(env, wishes).catch(() => undefined)
    if (life === livesMax - 1) return void (await paying)
    await Promise.race([paying, killer.clock.sleep(sim.random.integer(1_500))])
    sim.kill(client)
  }
}

/** The chain's host loses power in the middle of it, and has it again. */
async function cutPower(sim: Sim, killer: Env): Promise<void> {
  await killer.clock.sleep(sim.random.integer(4_000))
  sim.crash('chain')
  await killer.clock.sleep(200)
  await serveChain(sim.boot('chain'))
}

const open = (env: Env): Ledger => createLedger({ env, rpcUrl, account, pollMs: 50, requestTimeoutMs: 2_000 })

const pay = (env: Env, wishes: readonly PayWish[]) => payOnce(open(env), readFlowAddress, wishes)

async function serveChain(env: Env): Promise<Chain> {
  const chain = await openChain({ env, folder: 'chain', chainId, genesis })
  await chain.serve({ port: 8545, host: '0.0.0.0', allowedHosts: ['chain'] })
  return chain
}

async function calmly<Value>(sim: Sim, run: () => Promise<Value>): Promise<Value> {
  const { lossChance, resetChance } = sim.faults
  Object.assign(sim.faults, { lossChance: 0, resetChance: 0 })
  const value = await run()
  Object.assign(sim.faults, { lossChance, resetChance })
  return value
}

/** What all contracts have together: fees stay in them. */
async function held(ledger: Ledger): Promise<bigint> {
  const list = Object.values(addresses) as Hex[]
  const balances = await Promise.all(list.map((address) => ledger.balanceOf(address)))
  return balances.reduce((sum, balance) => sum + balance, 0n)
}

async function feeOf(ledger: Ledger, sectors: number): Promise<bigint> {
  const market = await ledger.read({ address: addresses.flow, abi: abis.flow, functionName: 'market' })
  const price = await ledger.read({ address: market, abi: abis.market, functionName: 'pricePerSector' })
  return price * BigInt(sectors)
}
