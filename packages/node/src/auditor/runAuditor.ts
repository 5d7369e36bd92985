/**
 * An auditor as a program: a licence, a bond, and a gateway of its own through which it asks as users do, from an account
 * that is not the auditor's. Spec: spec/alignment.md 10
 */
import { join, resolve } from 'node:path'
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import {
  type Auditor,
  type AuditorEvent,
  type AuditTools,
  createSharedFetch,
  judgeAnswer,
  startAuditor,
} from '@weightless/compute'
import { abis } from '@weightless/contracts'
import type { Disk, Env } from '@weightless/env'
import { createLedger, type Ledger } from '@weightless/ledger'
import { type Client, createClient, type NetworkConfig } from '@weightless/sdk'
import { createFlowSource } from '@weightless/storage'
import { parseEther } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { loadApiKey } from '../apiKey.ts'
import { gatewayAccount, runGateway } from '../computeGateway/runGateway.ts'
import { createClosers } from '../devnet/closeInOrder.ts'
import { loadNodeKey } from '../storageNode/nodeKey.ts'
import { openChainViews } from './openChainViews.ts'
import type { ModelShelf } from './openModels.ts'
import { createAttestationReader } from './readAttestation.ts'
import { followSubmissions } from './storage/followSubmissions.ts'
import { createHolderReader } from './storage/readHolders.ts'
import { takeProofs } from './takeProofs.ts'

export type { AuditorEvent } from '@weightless/compute'

export type AuditorSettings = {
  env: Env
  config: NetworkConfig
  /** Its keys and gateway. */
  folder: string
  /** What it knows, and the evidence of its last rounds: its alone. */
  disk: Disk
  /** Has the bond and the licence, and pays. */
  account: PrivateKeyAccount
  models: (client: Client) => ModelShelf
  /** Rounds that it enrols for at first one after the other; later it enrols for one in `everyRounds`. */
  firstRounds: number
  everyRounds: number
  pace: AuditTools['pace']
  settleDelaySeconds: number
  onEvent?(event: AuditorEvent): void
}

/** The account of a folder, which has the licence and the bond; made where there is none. @throws {NodeKeyDamagedError} */
export function auditorAccount(folder: string): PrivateKeyAccount {
  return privateKeyToAccount(bytesToHex(loadNodeKey(join(folder, 'auditor.key'))))
}

/** Moved to the account that asks when it has less than a tenth of it. */
const purseWei = parseEther('0.5')
const depositWei = parseEther('0.3')
const autoFundWei = parseEther('0.05')
const tickMs = 2_000

/** Resolves when it is enlisted. @throws {AuditsUnknownError} and what the chain refuses, after closing what was opened */
export async function runAuditor(settings: AuditorSettings): Promise<Auditor> {
  const { env, config, account, firstRounds, everyRounds, settleDelaySeconds, onEvent } = settings
  const folder = resolve(settings.folder)
  const contracts = contractsOf(config)
  const ledger = createLedger({ rpcUrl: config.chain.rpcUrl, env, account })
  const closers = createClosers()
  try {
    await takeLicence(ledger, contracts.alignmentLicence)
    const shop = await openShop(settings, ledger, folder)
    closers.add(() => shop.close())
    const { client } = shop
    const models = settings.models(client)
    const holders = openHolders(settings, ledger, closers)
    const proofs = takeProofs({ env, config, ledger, client }, closers)
    const auditor = await startAuditor({
      ...{ env, ledger, auditRounds: contracts.auditRounds, firstRounds, everyRounds, settleDelaySeconds, tickMs },
      secret: loadNodeKey(join(folder, 'draw.key')),
      ...(holders && { holders }),
      attestations: createAttestationReader({
        ...{ env, ledger, inferenceServing: contracts.inferenceServing, chainId: config.chain.chainId },
        teeKeys: config.contracts.teeKeys,
      }),
      chainNodes: openChainViews(env, ledger, [config.chain.rpcUrl], settings.pace.meanGapMs),
      ...proofs,
      shared: createSharedFetch({
        ...{ env, account, gatewayUrl: config.compute.gatewayUrl, auditRounds: contracts.auditRounds },
        chainId: config.chain.chainId,
      }),
      tools: {
        env,
        pace: settings.pace,
        ask: createAsking(ledger, contracts.inferenceServing, client),
        judge: (bundle, provider) =>
          judgeAnswer(bundle, {
            chainId: BigInt(config.chain.chainId),
            settlement: contracts.receiptSettlement,
            provider,
            openModel: models.open,
          }),
      },
      disk: settings.disk,
      publish: async (evidence) => void (await client.files.upload(evidence, { isPublic: true })),
      fetchEvidence: (root) => client.files.download(root, { isRaw: true }).catch(() => undefined),
      ...(onEvent && { onEvent }),
    })
    closers.add(() => auditor.close())
    return { close: () => closers.close() }
  } catch (error) {
    await closers.close()
    throw error
  }
}

function contractsOf({ contracts }: NetworkConfig) {
  const { inferenceServing, receiptSettlement, ledgerManager, auditRounds, alignmentLicence } = contracts
  if (!inferenceServing || !receiptSettlement || !ledgerManager || !auditRounds || !alignmentLicence)
    throw new AuditsUnknownError()
  return { inferenceServing, receiptSettlement, ledgerManager, auditRounds, alignmentLicence }
}

/** Buys one and lends it to itself, unless somebody's is lent to it already. */
async function takeLicence(ledger: Ledger, address: Hex): Promise<void> {
  const at = { address, abi: abis.alignmentLicence } as const
  const self = ledger.address!
  if ((await ledger.read({ ...at, functionName: 'licencesOf', args: [self] })) > 0n) return
  const value = await ledger.read({ ...at, functionName: 'priceWei' })
  await ledger.submit({ ...at, functionName: 'buy', args: [self], value })
  const sold = await ledger.read({ ...at, functionName: 'sold' })
  for (let id = sold; id > 0n && sold - id < 64n; id--) {
    const owner = await ledger.read({ ...at, functionName: 'ownerOf', args: [id] })
    if (owner.toLowerCase() !== self.toLowerCase()) continue
    await ledger.submit({ ...at, functionName: 'delegate', args: [id, self, 10_000n] })
    return
  }
}

/** A gateway of its own, on a port of this machine that nobody else is told, and a client of it. */
async function openShop({ env, config, account }: AuditorSettings, ledger: Ledger, folder: string) {
  const dataFolder = join(folder, 'shopper')
  const shopper = gatewayAccount(dataFolder)
  if ((await ledger.balanceOf(shopper.address)) < purseWei / 10n) {
    await ledger.submitRaw({ to: shopper.address, value: purseWei })
  }
  const { inferenceServing, receiptSettlement, ledgerManager } = contractsOf(config)
  const gateway = await runGateway({
    ...{ dataFolder, port: 0, log: 'silent', autoFundWei, depositWei },
    rpcUrl: config.chain.rpcUrl,
    chainId: config.chain.chainId,
    // Not by the market's match: it asks whom it was drawn for.
    contracts: { inferenceServing, receiptSettlement, ledgerManager },
    limits: { probeIntervalMs: 0, attemptsMax: 1, showPlanted: true },
  })
  const compute = { ...config.compute, gatewayUrl: gateway.url, apiKey: loadApiKey(dataFolder) }
  const client = createClient({ config: { ...config, compute }, env, account })
  return { client, close: () => gateway.close() }
}

/** Undefined on a network without a Flow: then there is nothing that a storage node owes. */
function openHolders({ env, config }: AuditorSettings, ledger: Ledger, closers: ReturnType<typeof createClosers>) {
  const { flow } = config.contracts
  if (!flow) return undefined
  const files = followSubmissions(env, createFlowSource(ledger, flow))
  closers.add(() => files.close())
  return createHolderReader({ env, files, indexerUrl: config.storage.indexerUrl, chainId: config.chain.chainId })
}

function createAsking(ledger: Ledger, inferenceServing: Hex, client: Client): AuditTools['ask'] {
  return async (provider, { messages, maxTokens, temperature, topP, seed }, signal) => {
    const at = { address: inferenceServing, abi: abis.inferenceServing } as const
    const { model } = await ledger.read({ ...at, functionName: 'getService', args: [provider] })
    const more = { ...(topP !== undefined && { topP }), ...(seed !== undefined && { seed }) }
    const request = { model, messages, maxTokens, temperature, provider, ...more }
    return (await client.chat.complete(request, { signal })).bundle
  }
}

export class AuditsUnknownError extends WeightlessError {
  constructor() {
    super(
      'node/audits-unknown',
      'This network names no contracts for audits.',
      {},
      { hint: 'Its file has to have auditRounds and alignmentLicence among its contracts.' },
    )
  }
}
