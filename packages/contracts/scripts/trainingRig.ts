/** A trainer with a stake and steps of the probe model over a contract rig: the stage of trainings that are disputed on chain. */
import { bytesToHex, textToBytes } from '@weightless/codec'
import { fileTree, segmentBytes } from '@weightless/crypto'
import { proveSectors } from '@weightless/crypto/sectorRange'
import type { TrainingRoots, WordOpening } from '@weightless/dispute'
import { fileArgument } from '@weightless/dispute/contract/accusationArguments'
import { modelFacts } from '@weightless/dispute/contract/modelFacts'
import {
  isBackward,
  pieceArguments,
  type stateArgument,
  stepArguments,
  tableArguments,
  weightRanges,
} from '@weightless/dispute/contract/trainingArguments'
import type { StepPlan } from '@weightless/dispute/training/stepPlan'
import { describeModel } from '@weightless/tensor'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { makeProbeModel } from '@weightless/tensor/selfCheck/makeProbeModel'
import { encodeAbiParameters, type Hex, hashTypedData, keccak256, parseEther, toHex } from 'viem'
import { receiptDomain, receiptTypes, trainingRootTypes } from '../src/typedData.ts'
import { createRig, type Rig } from './contractRig.ts'
import { readHead } from './disputeRig.ts'
import { receiptOf } from './settlementRig.ts'

export const stakedWei = parseEther('100')
const quota = { cpuCount: 8n, nodeMemory: 32n, gpuCount: 1n, nodeStorage: 50_000n, gpuType: '' }

export type TrainingRig = Awaited<ReturnType<typeof createTrainingRig>>

export async function createTrainingRig(steps: number, seed: Hex) {
  const rig = await createRig()
  const { fineTuningServing: serving, trainingStake } = rig.contracts
  const [, user, trainer, accuser] = rig.accounts
  const provider = trainer!
  const service = ['http://url', quota, 100n, false, ['m'], provider.address] as const
  await rig.must(serving, 'addOrUpdateService', service, { from: provider.address, value: stakedWei })
  const file = makeProbeModel()
  const model = await describeModel(file)
  const tree = fileTree(file)
  const prove = (from: number, count: number) =>
    proveSectors(tree, (i) => file.subarray(i * segmentBytes, (i + 1) * segmentBytes), from, count)
  const facts = modelFacts(model.graph, file.length)
  const modelRoot = bytesToHex(tree.root)
  const domain = { ...receiptDomain, chainId: rig.chainId, verifyingContract: serving.address }
  const receiptFor = (jobNonce: bigint) => ({
    ...receiptOf(user!.address, provider.address, jobNonce, rig.chainId),
    ...{ serviceClass: 3, check: 1, completionTokens: 0n, fee: 30n, modelRoot, seed },
    programId: trainingProgram(model.programId),
  })
  type Receipt = ReturnType<typeof receiptFor>
  const signReceipt = (message: Receipt, by = provider) =>
    by.signTypedData({ domain, types: receiptTypes, primaryType: 'Receipt', message })
  async function signRoot(receipt: Receipt, place: number, leaves: number, root: Hex, by = provider) {
    const digest = hashTypedData({ domain, types: receiptTypes, primaryType: 'Receipt', message: receipt })
    const message = { receipt: digest, place, leaves, root }
    const signature = await by.signTypedData({ domain, types: trainingRootTypes, primaryType: 'TrainingRoot', message })
    return { place, leaves, root, signature }
  }
  /** What `proveWord` takes, signed by the trainer. */
  async function argumentsOf(receipt: Receipt, plan: StepPlan, opening: WordOpening, { run, trace }: TrainingRoots) {
    const exhibit = {
      ...{ receipt, signature: await signReceipt(receipt), model: facts },
      run: await signRoot(receipt, 0, steps + 1, bytesToHex(run!)),
      trace: await signRoot(receipt, opening.step + 1, plan.tables.length, bytesToHex(trace!.root)),
      ...stepArguments(opening),
    }
    return {
      exhibit,
      isBackward: isBackward(plan.tables[opening.table]!.name),
      index: BigInt(opening.word),
      tables: tableArguments(opening),
      pieces: pieceArguments(opening),
      files: filesOf(model.graph, plan, opening, prove),
    }
  }
  const proveWord = (args: Awaited<ReturnType<typeof argumentsOf>>) =>
    rig.send(rig.contracts.trainingGame, 'proveWord', Object.values(args) as never, { from: accuser!.address })
  /** A state of the trainer's run, and the text that opens the receipt's parameters. */
  async function proveSettings(receipt: Receipt, runRoot: Hex, opened: ReturnType<typeof stateArgument>, text: string) {
    const run = await signRoot(receipt, 0, steps + 1, runRoot)
    const args = [receipt, await signReceipt(receipt), run, opened, toHex(textToBytes(text))] as const
    return rig.send(rig.contracts.trainingGame, 'proveSettings', args, { from: accuser!.address })
  }
  return {
    ...{
      rig,
      serving,
      provider,
      user: user!.address,
      accuser: accuser!.address,
      other: user!,
      facts,
      graph: model.graph,
    },
    ...{ receiptFor, signReceipt, signRoot, argumentsOf, proveWord, proveSettings },
    staked: async () => (await rig.must(trainingStake, 'slashableOf', [provider.address])).value,
    credit: async (of: Hex) => (await rig.must(trainingStake, 'credits', [of])).value,
    vouch: () => vouch(rig, { modelRoot, bytes: file.length, programText: model.programText }, prove),
  }
}

function filesOf(
  graph: Graph,
  plan: StepPlan,
  { table, word }: WordOpening,
  prove: (from: number, count: number) => Parameters<typeof fileArgument>[0],
) {
  return weightRanges(graph, plan, table, word).map(({ from, count }) => fileArgument(prove(from, count)))
}

async function vouch(
  rig: Rig,
  { modelRoot, bytes, programText }: { modelRoot: Hex; bytes: number; programText: string },
  prove: Parameters<typeof readHead>[3],
): Promise<void> {
  await readHead(rig, modelRoot, bytes, prove)
  await rig.must(rig.contracts.modelFacts, 'finish', [modelRoot, BigInt(bytes)])
  await rig.must(rig.contracts.modelFacts, 'openProgram', [toHex(textToBytes(programText))])
}

/** Spec: receipt.md 9.1. */
export function trainingProgram(programId: Hex): Hex {
  const types = ['bytes32', 'bytes32', 'uint16'].map((type) => ({ type }))
  return keccak256(
    encodeAbiParameters(types, [keccak256(toHex('weightless/receipt/v1/training-program')), programId, 2]),
  )
}
