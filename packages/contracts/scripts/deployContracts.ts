/** Carries out a deployment plan on a real chain through viem; what already stands is left alone. */
import {
  type Account,
  BaseError,
  type Chain,
  decodeErrorResult,
  type Hex,
  type PublicClient,
  type Transport,
  type WalletClient,
} from 'viem'
import { abis } from '../src/abis.ts'
import { create2Data, create2Deployer, type Plan, type Step } from './deploymentPlan.ts'

/** Arachnid's presigned transaction and its sender: the same deployer address on every chain. */
const deployerTransaction: Hex =
  '0xf8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a02222222222222222222222222222222222222222222222222222222222222222'
const deployerSigner: Hex = '0x3fab184622dc19b6109349b94811493bf45362b2'
/** Its creation code, as that transaction carries it. */
const deployerInitCode: Hex =
  '0x604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3'
const deployerCostWei = 10n ** 16n

/** Errors by which a step says that an earlier run has done it. */
const doneErrors = new Set([
  'MarketAlreadySet',
  'MineAlreadySet',
  'FlowAlreadySet',
  'ServiceNameExists',
  'ServiceAlreadyRegistered',
])

export type Clients = {
  reader: PublicClient
  writer: WalletClient<Transport, Chain, Account>
  report: (line: string) => void
}

/** @throws when a step fails for another reason than being done */
export async function deployContracts(plan: Plan, clients: Clients): Promise<void> {
  for (const step of plan.steps) await carryOut(step, plan.deployer, clients)
}

/**
 * Address of a CREATE2 deployer: the one of every chain where it stands or its presigned transaction is taken, else a
 * copy, which gives other addresses; hand that to the next run.
 */
export async function ensureDeployer({ reader, writer, report }: Clients): Promise<Hex> {
  if (await reader.getCode({ address: create2Deployer })) return create2Deployer
  try {
    const funded = await writer.sendTransaction({ to: deployerSigner, value: deployerCostWei })
    await reader.waitForTransactionReceipt({ hash: funded })
    const hash = await reader.sendRawTransaction({ serializedTransaction: deployerTransaction })
    await reader.waitForTransactionReceipt({ hash })
    if (await reader.getCode({ address: create2Deployer })) return create2Deployer
  } catch (cause) {
    if (!(cause instanceof BaseError)) throw cause
    report(`the chain refuses the CREATE2 deployer's presigned transaction: ${cause.details}`)
  }
  const hash = await writer.sendTransaction({ data: deployerInitCode })
  const { contractAddress } = await reader.waitForTransactionReceipt({ hash })
  if (!contractAddress) throw new Error('the chain refuses a copy of the CREATE2 deployer as well')
  report(`a copy of it stands at ${contractAddress}; pass --deployer ${contractAddress} to later runs`)
  return contractAddress
}

async function carryOut(step: Step, deployer: Hex, { reader, writer, report }: Clients): Promise<void> {
  const name = step.kind === 'create' ? `${step.name} at ${step.address}` : step.what
  if (step.kind === 'create' && (await reader.getCode({ address: step.address }))) return report(`stands: ${name}`)
  const message =
    step.kind === 'create' ? { to: deployer, data: create2Data(step.initCode) } : { to: step.to, data: step.data }
  if (step.kind === 'call' && (await isDone(step, reader, writer.account.address))) return report(`was done: ${name}`)
  const hash = await writer.sendTransaction(message)
  const { status, gasUsed } = await reader.waitForTransactionReceipt({ hash })
  if (status !== 'success') throw new Error(`${name} failed in transaction ${hash}`)
  if (step.kind === 'create' && !(await reader.getCode({ address: step.address })))
    throw new Error(`${name} has no code`)
  report(`done: ${name} (${gasUsed} gas)`)
}

async function isDone(step: Step & { kind: 'call' }, reader: PublicClient, account: Hex): Promise<boolean> {
  try {
    await reader.call({ account, to: step.to, data: step.data })
    return false
  } catch (cause) {
    const error = errorNameOf(cause)
    if (error !== undefined && doneErrors.has(error)) return true
    throw new Error(`${step.what} would revert: ${error ?? String(cause)}`, { cause })
  }
}

function errorNameOf(cause: unknown): string | undefined {
  if (!(cause instanceof BaseError)) return undefined
  const carrier = cause.walk((error) => typeof (error as { data?: unknown }).data === 'string')
  if (carrier === null) return undefined
  const bytes = (carrier as unknown as { data: Hex }).data
  for (const abi of Object.values(abis)) {
    try {
      return decodeErrorResult({ abi, data: bytes }).errorName
    } catch {
      // not of this ABI
    }
  }
  return undefined
}
