/** A provider of the devnet that is bad on purpose, labelled so that no gateway sends users to it: auditors have to find it. Spec: spec/alignment.md 6 */
import { readFile } from 'node:fs/promises'
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { type ExactEngine, openTensorEngine, startProvider } from '@weightless/compute'
import { abis, addresses, genesis } from '@weightless/contracts'
import { targetIdOf } from '@weightless/contracts/drawTargets'
import { fileRoot } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { createLedger } from '@weightless/ledger'
import { describeModel } from '@weightless/tensor'
import { encodeAbiParameters, keccak256, parseEther } from 'viem'
import { devnetKey, ownerKeyIndex, plantedAccountIndex } from './devnetKeys.ts'
import { fundAccount } from './fundAccount.ts'
import { tinyModel } from './modelLoader.ts'
import { type Drift, plantDrift } from './plantDrift.ts'

export type Plant = {
  address: Hex
  url: string
  modelRoot: Hex
  drift: Drift
  /** Shows on chain that it was planted, for a round that has ended. @throws {TransactionRevertedError} */
  open(round: bigint, index: bigint): Promise<void>
  close(): Promise<void>
}

const fundsWei = parseEther('5')
const name = 'planted-known-bad'

/** Commits to it on chain before anybody can ask it. */
export async function startPlant(env: Env, { rpcUrl, host }: { rpcUrl: string; host: string }): Promise<Plant> {
  const { account, address } = devnetKey(plantedAccountIndex)
  const weights = new Uint8Array(await readFile(tinyModel.path))
  const { drifted, drift } = await plantDrift(weights, env.random)
  const salt = bytesToHex(env.random.bytes(32))
  const driftBytes = bytesToHex(textToBytes(JSON.stringify(drift)))
  await fundAccount(env, rpcUrl, address, fundsWei)
  const planter = createLedger({ rpcUrl, env, account: devnetKey(ownerKeyIndex).account })
  const rounds = { address: addresses.auditRounds, abi: abis.auditRounds } as const
  const committed = [targetIdOf(address), driftBytes, salt] as const
  const commitment = await planter.read({ ...rounds, functionName: 'plantCommitment', args: committed })
  await planter.submit({ ...rounds, functionName: 'commitPlant', args: [commitment] })
  const confession = await account.signMessage({ message: { raw: confessionOf(commitment) } })
  const provider = await startProvider({
    ...{ env, account, rpcUrl, host, port: 0, contracts: contractsOf(), chainId: genesis.chainId, planted: true },
    folder: `provider-${address.toLowerCase()}`,
    openEngine: () => openDrifted(env, weights, drifted),
    inputWeiPerToken: 1_000_000_000n,
    outputWeiPerToken: 2_000_000_000n,
  })
  try {
    await provider.ready
  } catch (error) {
    await provider.close()
    throw error
  }
  return {
    ...{ address, url: provider.url, drift },
    modelRoot: bytesToHex(fileRoot(weights)),
    async open(round, index) {
      const args = [round, index, driftBytes, salt, confession] as const
      await planter.submit({ ...rounds, functionName: 'openPlant', args })
    },
    close: () => provider.close(),
  }
}

/** Without the market: it makes no offer that anybody could be matched with. */
function contractsOf() {
  const { inferenceServing, receiptSettlement, ledgerManager } = addresses
  return { inferenceServing, receiptSettlement, ledgerManager }
}

/** What its own key signs: that this contract, on this chain, may be told. */
function confessionOf(commitment: Hex): Hex {
  const types = [{ type: 'address' }, { type: 'uint256' }, { type: 'bytes32' }] as const
  return keccak256(encodeAbiParameters(types, [addresses.auditRounds, BigInt(genesis.chainId), commitment]))
}

/** Runs the changed file and says that it runs the true one. */
async function openDrifted(env: Env, weights: Uint8Array, drifted: Uint8Array): Promise<ExactEngine> {
  const { programId, tokenizerRoot } = await describeModel(weights)
  const engine = await openTensorEngine({ env, name, weights: drifted })
  const model = { ...engine.model, modelRoot: bytesToHex(fileRoot(weights)), programId, tokenizerRoot }
  return { ...engine, model }
}
