/** A gateway as a process of its own: takes its folder, loads its keys, opens its account's ledger, serves. */
import { join, resolve } from 'node:path'
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { type ComputeContracts, type GatewayLimits, readPrepaidLedger, startGateway } from '@weightless/compute'
import type { NeedWish } from '@weightless/compute/wire'
import { abis } from '@weightless/contracts'
import { createNodeEnv } from '@weightless/env/node'
import { createLedger, type Ledger } from '@weightless/ledger'
import { privateKeyToAccount } from 'viem/accounts'
import { loadApiKey, loadManagementKey } from '../apiKey.ts'
import { takeDataFolder } from '../dataFolder.ts'
import { createClosers } from '../devnet/closeInOrder.ts'
import { loadNodeKey } from '../storageNode/nodeKey.ts'
import { createWeightsShelf } from './weightsShelf.ts'

export type GatewayProcessOptions = {
  dataFolder: string
  rpcUrl: string
  chainId: number
  contracts: ComputeContracts
  port: number
  host?: string
  /** Wei that its account's prepaid ledger is filled up to at the start. */
  depositWei?: bigint
  /** Wei that are moved to a provider at a time, when the account with it runs short. */
  autoFundWei: bigint
  /** Wei that the first key may spend altogether. */
  spendingCapWei?: bigint
  /** Asked as a bearer token at `GET /metrics`. */
  metricsToken?: string
  /** Model files with which it executes answers again: levels `sampled` and `refereed`. */
  weightsFiles?: readonly string[]
  /** Asked of every provider. */
  need?: NeedWish
  limits?: Partial<GatewayLimits>
  log: 'text' | 'json' | 'silent'
}

export type RunningGateway = {
  url: string
  /** Pays for all keys. */
  address: Hex
  /** Resolves when every answer that has begun is at its end, checked and paid. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** The account that pays for all keys of a folder; made where there is none. @throws {NodeKeyDamagedError} */
export function gatewayAccount(dataFolder: string) {
  return privateKeyToAccount(bytesToHex(loadNodeKey(join(dataFolder, 'gateway.key'))))
}

/** @throws {DataFolderBusyError} {PortInUseError} {GatewayUnderfundedError} {ApiKeyDamagedError} {MetricsTokenInvalidError} after closing what was opened */
export async function runGateway(options: GatewayProcessOptions): Promise<RunningGateway> {
  const { rpcUrl, chainId, contracts, port, host, depositWei, autoFundWei, spendingCapWei, need, limits, log } = options
  const { metricsToken, weightsFiles = [] } = options
  const closers = createClosers()
  try {
    const path = resolve(options.dataFolder)
    const account = gatewayAccount(path)
    const folder = takeDataFolder(path)
    closers.add(() => folder.release())
    const env = createNodeEnv({ dataFolder: path, log })
    closers.add(() => env.close())
    const address = account.address.toLowerCase() as Hex
    if (depositWei !== undefined) {
      await fillLedger(createLedger({ rpcUrl, env, account }), contracts.ledgerManager, address, depositWei)
    }
    const weights = createWeightsShelf()
    for (const file of weightsFiles) await weights.addFile(file)
    const cap = spendingCapWei === undefined ? {} : { spendingCapWei }
    const gateway = await startGateway({
      ...{ env, rpcUrl, chainId, contracts, port, autoFundWei },
      ...(host !== undefined && { host }),
      ...(need && { need }),
      ...(weightsFiles.length > 0 && { weights }),
      ...(metricsToken !== undefined && { metricsToken }),
      ...(limits && { limits }),
      keys: [{ key: loadApiKey(path), account, ...cap }],
      managementKey: loadManagementKey(path),
    })
    closers.add(() => gateway.close())
    return { url: gateway.url, address, settled: gateway.settled, close: () => closers.close() }
  } catch (error) {
    await closers.close()
    throw error
  }
}

/** Opens the prepaid ledger, or adds what it lacks. @throws {GatewayUnderfundedError} */
async function fillLedger(ledger: Ledger, ledgerManager: Hex, address: Hex, upToWei: bigint): Promise<void> {
  const at = { address: ledgerManager, abi: abis.ledgerManager } as const
  const prepaid = await readPrepaidLedger(ledger, ledgerManager, address)
  const lackWei = upToWei - (prepaid?.availableWei ?? 0n)
  if (lackWei <= 0n) return
  const balanceWei = await ledger.balanceOf(address)
  if (balanceWei <= lackWei) throw new GatewayUnderfundedError({ address, balanceWei, needWei: lackWei })
  if (!prepaid) await ledger.submit({ ...at, functionName: 'addLedger', args: [''], value: lackWei })
  else await ledger.submit({ ...at, functionName: 'depositFund', args: [], value: lackWei })
}

export class GatewayUnderfundedError extends WeightlessError {
  constructor(facts: { address: Hex; balanceWei: bigint; needWei: bigint }) {
    super('node/gateway-underfunded', 'The account of the gateway cannot pay the deposit and its gas.', facts, {
      hint: 'Send it that much and something for gas, or start with a smaller --deposit.',
    })
  }
}
