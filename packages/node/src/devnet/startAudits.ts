/**
 * Audits on the devnet: a planted provider, three auditors under three keys in one process, and a planter that opens what
 * it planted after each round until it was found and slashed. Spec: spec/alignment.md
 */
import { join } from 'node:path'
import { askNodes } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import { abis, addresses } from '@weightless/contracts'
import { targetIdOf, targetKind } from '@weightless/contracts/drawTargets'
import type { Env } from '@weightless/env'
import { createLedger, TransactionRevertedError } from '@weightless/ledger'
import { parseEther } from 'viem'
import { chainNodeId } from '../auditor/openChainViews.ts'
import type { DevnetFile } from '../devnetFile.ts'
import type { DevnetEvent } from '../devnetOptions.ts'
import { weightsCacheFolder } from '../weights/resolveWeights.ts'
import type { AuditorProcessSettings } from './auditorProcess.ts'
import { createClosers } from './closeInOrder.ts'
import { auditorAccountIndices, devnetKey, ownerKeyIndex } from './devnetKeys.ts'
import { fundAccount } from './fundAccount.ts'
import { tinyModel } from './modelLoader.ts'
import { stakeHolders } from './stakeHolders.ts'
import { type Plant, startPlant } from './startPlant.ts'
import { storeModel } from './storeModel.ts'
import { superviseProcess } from './superviseProcess.ts'

export type AuditsOptions = {
  env: Env
  file: DevnetFile
  dataFolder: string
  host: string
  /** Weights on this machine by root. */
  weights: { readonly [root: Hex]: string }
  signal: AbortSignal
  emit(event: DevnetEvent): void
}

const rounds = { address: addresses.auditRounds, abi: abis.auditRounds } as const
const auditorFundsWei = parseEther('3')
const poolWei = parseEther('5')
const lookEveryMs = 4_000
/** Of more storage nodes these are audited: the list has room for 64 targets. */
const holdersMax = 32

/** Resolves when auditors are at work. */
export async function startAudits(options: AuditsOptions): Promise<{ close(): Promise<void> }> {
  const { env, file, dataFolder, host, emit, signal } = options
  const { rpcUrl } = file.chain
  const closers = createClosers()
  try {
    const ledger = createLedger({ rpcUrl, env, account: devnetKey(ownerKeyIndex).account })
    if ((await ledger.read({ ...rounds, functionName: 'pool' })) < poolWei / 2n) {
      await ledger.submit({ ...rounds, functionName: 'fund', value: poolWei })
    }
    // Whoever checks what was found makes its answers again with these weights.
    const payer = devnetKey(ownerKeyIndex)
    await storeModel(env, { path: tinyModel.path, payer, rpcUrl, indexerUrl: file.storage.indexerUrl, signal })
    const plant = await startPlant(env, { rpcUrl, host })
    closers.add(() => plant.close())
    for (const { address } of [...file.compute.providers, plant]) {
      await listTarget(ledger, targetKind.inference, targetIdOf(address))
    }
    const nodes = await askNodes({ network: env.network, timeoutMs: 5_000 }, file.storage.indexerUrl, signal)
    await listTarget(ledger, targetKind.chain, chainNodeId(rpcUrl))
    for (const { nodeId } of nodes.slice(0, holdersMax)) await listTarget(ledger, targetKind.storage, nodeId)
    await stakeHolders(ledger, dataFolder, Math.min(file.storage.nodeUrls.length, holdersMax))
    for (const index of auditorAccountIndices) {
      await fundAccount(env, rpcUrl, devnetKey(index).address, auditorFundsWei)
    }
    signal.throwIfAborted()
    const child = superviseAuditors(options, plant.modelRoot)
    closers.add(() => child.stop())
    await child.start()
    const auditors = auditorAccountIndices.map((index) => devnetKey(index).address)
    emit({ type: 'audits-open', auditors, planted: plant.address, drift: plant.drift })
    const stop = new AbortController()
    const watching = watchPlant(options, ledger, plant, stop.signal)
    closers.add(() => watching)
    closers.add(() => stop.abort())
    return { close: () => closers.close() }
  } catch (error) {
    await closers.close()
    throw error
  }
}

type OwnLedger = ReturnType<typeof createLedger>

async function listTarget(ledger: OwnLedger, kind: number, id: Hex): Promise<void> {
  const targets = await ledger.read({ ...rounds, functionName: 'targets' })
  if (targets.some((target) => target.id === id && target.kind === kind)) return
  await ledger.submit({ ...rounds, functionName: 'list', args: [kind, id] })
}

function superviseAuditors({ dataFolder, file, weights, emit }: AuditsOptions, plantedRoot: Hex) {
  const settings: AuditorProcessSettings = {
    dataFolder: join(dataFolder, 'auditors'),
    network: file,
    accounts: auditorAccountIndices,
    weights: { ...weights, [plantedRoot]: tinyModel.path },
  }
  return superviseProcess({
    name: 'auditors',
    words: [join(import.meta.dirname, 'auditorProcess.ts'), JSON.stringify(settings)],
    environment: { NODE_COMPILE_CACHE: join(weightsCacheFolder(), 'compiled') },
    openMsMax: 180_000,
    onCrash: (reason) => emit({ type: 'warning', message: `the auditors ended and are started again: ${reason}` }),
  })
}

/** Opens the plant after every round with auditors, and tells when the verdict was carried out. Ends then. */
async function watchPlant({ env, emit }: AuditsOptions, ledger: OwnLedger, plant: Plant, signal: AbortSignal) {
  const fromBlock = await ledger.blockNumber()
  const targets = await ledger.read({ ...rounds, functionName: 'targets' })
  const index = BigInt(targets.findIndex(({ id }) => id === targetIdOf(plant.address)))
  let openedFor = await ledger.read({ ...rounds, functionName: 'currentRound' })
  while (!signal.aborted) {
    try {
      const last = (await ledger.read({ ...rounds, functionName: 'currentRound' })) - 1n
      const [, licences] = await ledger.read({ ...rounds, functionName: 'roundOf', args: [last] })
      if (last > openedFor && licences > 0) {
        openedFor = last
        await plant.open(last, index)
      }
      const toBlock = await ledger.blockNumber()
      const range = { ...rounds, fromBlock, toBlock, eventNames: ['VerdictCarriedOut'] }
      const event = (await ledger.getEvents(range)).find(
        (each) =>
          each.eventName === 'VerdictCarriedOut' && each.args.provider.toLowerCase() === plant.address.toLowerCase(),
      )
      if (event?.eventName === 'VerdictCarriedOut') {
        emit({ type: 'plant-slashed', planted: plant.address, takenWei: event.args.amount, drift: plant.drift })
        return
      }
    } catch (error) {
      // Too late for this round, or the chain is away for a moment: the next look tries again.
      if (!(error instanceof TransactionRevertedError) && !signal.aborted) {
        env.log.warn('plant not watched', { reason: String(error) })
      }
    }
    await env.clock.sleep(lookEveryMs, signal).catch(() => undefined)
  }
}
