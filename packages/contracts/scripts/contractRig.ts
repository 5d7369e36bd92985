/** Contracts of a preset in a local EVM, with typed calls: what the tests and the gas snapshot stand on. */
import {
  type Abi,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionReturnType,
  decodeErrorResult,
  decodeFunctionResult,
  encodeFunctionData,
  type Hex,
  parseEventLogs,
} from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { abis } from '../src/abis.ts'
import { genesis } from '../src/genesis.generated.ts'
import { create2Deployer, type Plan, planDeployment } from './deploymentPlan.ts'
import { devnetAddresses } from './devnetAddresses.ts'
import { type Alloc, createLocalEvm, type LocalEvm, type Log } from './localEvm.ts'
import { type Preset, presets } from './presets.ts'
import { runPlan } from './runPlan.ts'
import { ownerAccountIndex, testAccounts, testKeys } from './testAccounts.ts'

type Mutability = 'nonpayable' | 'payable' | 'view' | 'pure'
export type CallResult<Value> =
  | { ok: true; value: Value; gasUsed: bigint; logs: Log[] }
  /** `error` is the custom error's name, or the text of a plain revert. */
  | { ok: false; error: string; args: readonly unknown[]; gasUsed: bigint }

export type Rig = {
  evm: LocalEvm
  accounts: readonly PrivateKeyAccount[]
  addresses: { [name: string]: Hex }
  chainId: number
  /** Sends a transaction and decodes what came of it. */
  send<const A extends Abi, N extends ContractFunctionName<A, Mutability>>(
    contract: { abi: A; address: Hex },
    functionName: N,
    args: ContractFunctionArgs<A, Mutability, N>,
    options?: { from?: Hex; value?: bigint; gas?: bigint },
  ): Promise<CallResult<ContractFunctionReturnType<A, Mutability, N>>>
  /** As `send`, and throws unless it went through. */
  must: <const A extends Abi, N extends ContractFunctionName<A, Mutability>>(
    contract: { abi: A; address: Hex },
    functionName: N,
    args: ContractFunctionArgs<A, Mutability, N>,
    options?: { from?: Hex; value?: bigint; gas?: bigint },
  ) => Promise<{ value: ContractFunctionReturnType<A, Mutability, N>; gasUsed: bigint; logs: Log[] }>
  contracts: {
    [Name in
      | 'flow'
      | 'market'
      | 'rewardPool'
      | 'poraMine'
      | 'ledgerManager'
      | 'inferenceServing'
      | 'fineTuningServing'
      | 'receiptSettlement'
      | 'providerStake'
      | 'trainingStake'
      | 'holderStake'
      | 'disputeGame'
      | 'modelFacts'
      | 'trainingGame'
      | 'priorityStake'
      | 'serviceMarket'
      | 'jobBoard'
      | 'alignmentLicence'
      | 'auditRounds'
      | 'intelCertificates'
      | 'tcbRegistry'
      | 'dcapVerifier'
      | 'teeKeys']: {
      abi: (typeof abis)[Name]
      address: Hex
    }
  }
}

/** Another machine than the one in JavaScript, and other signers for the same accounts. */
export type RigParts = {
  openEvm?: (options: { chainId: number; timestamp: bigint; alloc: Alloc }) => Promise<LocalEvm>
  openAccount?: (privateKey: Hex) => PrivateKeyAccount
}

/** `weightless` comes from the devnet's genesis, anything else is deployed afresh; `accounts[0]` owns it. */
export async function createRig(
  preset: 'weightless' | Preset = 'weightless',
  chainId = genesis.chainId,
  { openEvm = createLocalEvm, openAccount }: RigParts = {},
): Promise<Rig> {
  const isDevnet = preset === 'weightless'
  const timestamp = BigInt(genesis.timestampSeconds) + 1000n
  const owner = accounts[0]!.address
  const plan = planDeployment(isDevnet ? presets.weightless : preset, owner, isDevnet ? devnetAddresses : {})
  const alloc = isDevnet ? genesis.alloc : await deployedAlloc(plan, owner, timestamp)
  const evm = await openEvm({ chainId, timestamp, alloc })
  evm.advance(1, 1)
  const send = sender(evm, owner)
  const at = <Name extends keyof Rig['contracts']>(name: Name) => ({ abi: abis[name], address: plan.addresses[name]! })
  return {
    evm,
    accounts: openAccount ? ownerFirst(testKeys).map(openAccount) : accounts,
    addresses: plan.addresses,
    chainId,
    send,
    must: async (contract, functionName, args, options) => {
      const result = await send(contract, functionName, args, options)
      if (!result.ok) throw new Error(`${functionName} reverted: ${result.error} ${result.args.join(' ')}`)
      return result
    },
    contracts: {
      flow: at('flow'),
      market: at('market'),
      rewardPool: at('rewardPool'),
      poraMine: { abi: abis.poraMine, address: plan.addresses.mine! },
      ledgerManager: at('ledgerManager'),
      inferenceServing: at('inferenceServing'),
      fineTuningServing: at('fineTuningServing'),
      receiptSettlement: at('receiptSettlement'),
      providerStake: at('providerStake'),
      trainingStake: at('trainingStake'),
      holderStake: at('holderStake'),
      disputeGame: at('disputeGame'),
      modelFacts: at('modelFacts'),
      trainingGame: at('trainingGame'),
      priorityStake: at('priorityStake'),
      serviceMarket: at('serviceMarket'),
      jobBoard: at('jobBoard'),
      alignmentLicence: at('alignmentLicence'),
      auditRounds: at('auditRounds'),
      intelCertificates: at('intelCertificates'),
      tcbRegistry: at('tcbRegistry'),
      dcapVerifier: at('dcapVerifier'),
      teeKeys: at('teeKeys'),
    },
  }
}

/** The owner of the devnet first, then the others in their order. */
function ownerFirst<Item>(items: readonly Item[]): Item[] {
  return [items[ownerAccountIndex]!, ...items.filter((_, index) => index !== ownerAccountIndex)]
}

const accounts = ownerFirst(testAccounts)

const deployed = new Map<string, Promise<Alloc>>()

/** State after a plan was carried out in block 1; each plan is carried out once per process. */
function deployedAlloc(plan: Plan, owner: Hex, timestamp: bigint): Promise<Alloc> {
  const key = JSON.stringify(plan.steps)
  const known = deployed.get(key)
  if (known !== undefined) return known
  const fresh = (async () => {
    const evm = await createLocalEvm({ chainId: genesis.chainId, timestamp, alloc: bareAlloc, recordStorage: true })
    evm.advance(1, 1)
    await runPlan(evm, plan, owner)
    return { ...bareAlloc, ...(await evm.contracts()) }
  })()
  deployed.set(key, fresh)
  return fresh
}

/** The funded accounts and the deterministic deployer, nothing else. */
const bareAlloc = Object.fromEntries(
  Object.entries(genesis.alloc).filter(([address, entry]) => entry.code === undefined || address === create2Deployer),
)

function sender(evm: LocalEvm, defaultFrom: Hex): Rig['send'] {
  return async (contract, functionName, args, options = {}) => {
    const name: string = functionName
    const data = encodeFunctionData({ abi: contract.abi as Abi, functionName: name, args: args as readonly unknown[] })
    const { from = defaultFrom, value = 0n, gas } = options
    const message = { from, to: contract.address, data, value, isView: isView(contract.abi as Abi, name) }
    const sent = await evm.send({ ...message, ...(gas === undefined ? {} : { gas }) })
    if (!sent.ok) return { ok: false, ...readError(contract.abi as Abi, sent.output), gasUsed: sent.gasUsed }
    const result = decodeFunctionResult({ abi: contract.abi as Abi, functionName: name, data: sent.output })
    return { ok: true, value: result as never, gasUsed: sent.gasUsed, logs: sent.logs }
  }
}

function isView(abi: Abi, name: string): boolean {
  const item = abi.find((item) => item.type === 'function' && item.name === name)
  return item?.type === 'function' && (item.stateMutability === 'view' || item.stateMutability === 'pure')
}

function readError(abi: Abi, data: Hex): { error: string; args: readonly unknown[] } {
  if (data === '0x') return { error: 'reverted without data', args: [] }
  // an error of a contract further down is named by its own ABI
  for (const candidate of [abi, ...Object.values(abis)] as Abi[]) {
    try {
      const { errorName, args = [] } = decodeErrorResult({ abi: candidate, data })
      return errorName === 'Error' ? { error: String(args[0]), args: [] } : { error: errorName, args }
    } catch {
      // not of this ABI
    }
  }
  return { error: data, args: [] }
}

/** Decoded events of one contract, by name. */
export function eventsOf<const A extends Abi>(contract: { abi: A; address: Hex }, logs: readonly Log[]) {
  const own = logs.filter((log) => log.address.toLowerCase() === contract.address.toLowerCase())
  return parseEventLogs({ abi: contract.abi, logs: own as never })
}
