/**
 * Auditors at work in virtual time, against the real chain and contracts: they are killed between commitment and reveal, and
 * the accused, a cheat or one that two of them framed, asks for a jury of all. What a provider answers is made up here.
 */

import { readFileSync } from 'node:fs'
import { type Chain, openChain } from '@weightless/chain'
import { bytesToHex, type Hex } from '@weightless/codec'
import { startAuditor } from '@weightless/compute'
import { abis, addresses, genesis } from '@weightless/contracts'
import { targetIdOf } from '@weightless/contracts/drawTargets'
import { fileRoot } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { createSim, type Sim } from '@weightless/env/sim'
import { loadEvmModule } from '@weightless/evm/createEvm'
import { createLedger, type Ledger } from '@weightless/ledger'
import { type Bundle, readBundle } from '@weightless/receipt'
import { mnemonicToAccount } from 'viem/accounts'
import { claim, type Scenario } from './scenario.ts'

export const auditRounds: Scenario = {
  name: 'audits/rounds',
  claim: 'No auditor that is killed at its work misses a report, and a jury upholds the case against a cheat alone.',
  plants: [],
  fires: ['kill', 'restart'],
  isLong: true,
  run: runAudits,
}

const rpcUrl = 'http://chain:8545'
const rounds = { address: addresses.auditRounds, abi: abis.auditRounds } as const
const licence = { address: addresses.alignmentLicence, abi: abis.alignmentLicence } as const
const accused = 5
const names = ['a1', 'a2', 'a3'] as const
const accountOf = (index: number) => mnemonicToAccount(genesis.mnemonic, { addressIndex: index })
const providerId = targetIdOf(accountOf(accused).address)
const token = 10n ** 18n
const roundsMax = 8n

type World = {
  sim: Sim
  /** What auditors published, by root; kept by others than them. */
  files: Map<Hex, Uint8Array>
  /** Answers so far: each has a number of its own. */
  answers: number
  isCheat: boolean
  /** Says that answers are wrong which are not, as long as it does not sit in a jury that has to show it. */
  liars: readonly string[]
}

async function runAudits(seed: number, onSim: (sim: Sim) => void): Promise<void> {
  const sim = createSim({ seed })
  onSim(sim)
  await loadEvmModule()
  const isCheat = seed % 2 === 1
  const world: World = { sim, files: new Map(), answers: 0, isCheat, liars: isCheat ? [] : ['a1', 'a2'] }
  await sim.run(tellStory(world), 6_000_000)
}

async function tellStory(world: World): Promise<void> {
  const { sim, isCheat } = world
  await serveChain(sim.boot('chain'))
  const watcher = sim.boot('watcher')
  const owner = open(watcher, genesis.ownerAccountIndex)
  await owner.submit({ ...rounds, functionName: 'fund', value: token })
  await register(open(watcher, accused))
  const stake = await slashable(owner)
  // Two liars among themselves bring a case about; the third is away until it is contested.
  const first = isCheat ? names : names.slice(0, 2)
  const lives = first.map((name) => live(world, watcher, name))
  const opened = await until(watcher, owner, 'CaseOpened')
  await open(watcher, accused).submit({ ...rounds, functionName: 'contest', args: [opened.caseId], value: token })
  if (!isCheat) lives.push(live(world, watcher, 'a3'))
  const decided = await until(watcher, owner, 'CaseDecided')
  claim(decided.isUpheld === isCheat, `a jury of all ${decided.isUpheld ? 'upheld' : 'dismissed'} the case`)
  if (isCheat) await until(watcher, owner, 'VerdictCarriedOut')
  const left = await slashable(owner)
  claim(left === (isCheat ? stake - stake / 10n : stake), `${left} wei of ${stake} are left`)
  const missed = (await events(owner)).filter(({ eventName }) => eventName === 'BondTaken')
  claim(missed.length === 0, 'a report was missed by one that was killed and came back')
  for (const life of lives) await life.end()
}

/** An auditor that is killed after each of its first commitments, and starts again on its disk. */
function live(world: World, watcher: Env, name: string): { end(): Promise<void> } {
  const { sim } = world
  let isOver = false
  const running = (async () => {
    for (let life = 0; !isOver; life++) {
      const env = sim.boot(name)
      const starting = audit(world, env, name)
      starting.catch(() => undefined)
      if (life < 2) await killAfterCommit(watcher, name, () => isOver)
      else while (!isOver) await watcher.clock.sleep(1_000)
      sim.kill(name)
      // Long enough to be away for a while, and back before the reveals are over.
      await watcher.clock.sleep(1_000 + sim.random.integer(10_000))
    }
  })()
  return {
    async end() {
      isOver = true
      await running
    },
  }
}

async function killAfterCommit(watcher: Env, name: string, isOver: () => boolean): Promise<void> {
  const ledger = open(watcher, 1 + names.indexOf(name as (typeof names)[number]))
  const stateOf = async () => {
    const round = await ledger.read({ ...rounds, functionName: 'currentRound' })
    return (await ledger.read({ ...rounds, functionName: 'reports', args: [round, ledger.address!] }))[2]
  }
  while (!isOver() && (await stateOf()) !== 2) await watcher.clock.sleep(1_000)
}

async function audit(world: World, env: Env, name: string): Promise<void> {
  const index = 1 + names.indexOf(name as (typeof names)[number])
  const ledger = open(env, index)
  if ((await ledger.read({ ...licence, functionName: 'licencesOf', args: [ledger.address!] })) === 0n) {
    await ledger.submit({ ...licence, functionName: 'buy', args: [ledger.address!], value: token / 10n })
    const sold = await ledger.read({ ...licence, functionName: 'sold' })
    for (let id = sold; id > 0n; id--) {
      if ((await ledger.read({ ...licence, functionName: 'ownerOf', args: [id] })) !== ledger.address) continue
      await ledger.submit({ ...licence, functionName: 'delegate', args: [id, ledger.address!, 10_000n] })
      break
    }
  }
  const isLiar = world.liars.includes(name)
  await startAuditor({
    ...{ env, ledger, auditRounds: rounds.address, secret: new Uint8Array(32).fill(index) },
    tools: {
      ...{ env, pace: { requestsMin: 1, requestsMax: 4, meanGapMs: 1_000 } },
      ask: async () => bundleOf(++world.answers),
      judge: async () =>
        world.isCheat || isLiar
          ? { verdict: 'wrong', detail: 'another token' }
          : { verdict: 'right', reExecuted: true },
    },
    disk: env.disk,
    publish: async (evidence) => void world.files.set(bytesToHex(fileRoot(evidence)), evidence),
    fetchEvidence: async (root) => world.files.get(root),
    ...{ firstRounds: 100, everyRounds: 1, settleDelaySeconds: 5 * index, tickMs: 2_000 },
  })
}

const { bundle: sample } = (
  JSON.parse(readFileSync(new URL('../vectors/receipt/receipts.json', import.meta.url), 'utf8')) as {
    vectors: { bundle: { receipt: object } }[]
  }
).vectors[0]!

/** Of another implementation, with a job of its own. */
function bundleOf(jobNonce: number): Bundle {
  const read = readBundle({ ...sample, receipt: { ...sample.receipt, jobNonce: String(jobNonce) } })
  if (!read.ok) throw new Error(`the sample is no bundle: ${read.detail}`)
  return read.value
}

async function register(ledger: Ledger): Promise<void> {
  const entry = { serviceType: 'chatbot', url: 'http://provider:1', model: 'm', verifiability: 'OpML' }
  const params = { ...entry, inputPrice: 1n, outputPrice: 1n, additionalInfo: '', teeSignerAddress: ledger.address! }
  const at = { address: addresses.inferenceServing, abi: abis.inferenceServing } as const
  await ledger.submit({ ...at, functionName: 'addOrUpdateService', args: [params], value: token })
  await ledger.submit({ ...rounds, functionName: 'list', args: [1, providerId] })
}

const slashable = (ledger: Ledger): Promise<bigint> =>
  ledger.read({
    ...{ address: addresses.providerStake, abi: abis.providerStake, functionName: 'slashableOf' },
    args: [accountOf(accused).address],
  })

async function events(ledger: Ledger) {
  const range = { fromBlock: 0n, toBlock: await ledger.blockNumber() }
  const eventNames = ['CaseOpened', 'CaseDecided', 'VerdictCarriedOut', 'BondTaken']
  return ledger.getEvents({ ...rounds, ...range, eventNames })
}

/** @returns what the first such event says */
async function until(watcher: Env, ledger: Ledger, name: string): Promise<{ caseId: Hex; isUpheld?: boolean }> {
  const first = await ledger.read({ ...rounds, functionName: 'currentRound' })
  for (;;) {
    const found = (await events(ledger)).find(({ eventName }) => eventName === name)
    if (found) return found.args as unknown as { caseId: Hex; isUpheld?: boolean }
    const round = await ledger.read({ ...rounds, functionName: 'currentRound' })
    claim(round - first < roundsMax, `no ${name} in ${roundsMax} rounds`)
    await watcher.clock.sleep(3_000)
  }
}

const open = (env: Env, index: number): Ledger =>
  createLedger({ env, rpcUrl, account: accountOf(index), pollMs: 500, requestTimeoutMs: 5_000 })

async function serveChain(env: Env): Promise<Chain> {
  const chain = await openChain({ env, folder: 'chain', chainId: genesis.chainId, genesis })
  await chain.serve({ port: 8545, host: '0.0.0.0', allowedHosts: ['chain'] })
  return chain
}
