/**
 * Gas of the whole transaction that decides one unit: signatures, receipt, facts, the step with its path in the trace, the
 * word, the slashing, with credits for accounts that had none. What a head and a program would have made known is set.
 */
import { bytesToHex } from '@weightless/codec'
import { buildHashTree, hashLeaf, hashTreePath, hashTreeRoot } from '@weightless/crypto'
import { type ModelFacts, modelFacts } from '@weightless/dispute/contract/modelFacts'
import type { Draw } from '@weightless/dispute/working/rules'
import { bodyOperatorCount, type Graph, headOperators } from '@weightless/tensor/model/describeGraph'
import { stepDigest } from '@weightless/tensor/trace/recordSteps'
import { encodeAbiParameters, type Hex, hashTypedData, keccak256, numberToHex, parseEther, toHex } from 'viem'
import { receiptDomain, receiptTypes, workingTypes } from '../src/typedData.ts'
import type { Rig } from './contractRig.ts'
import { adjustOf, samplerHash, samplerOf } from './disputeRig.ts'
import type { openingOf } from './judgeCase.ts'
import { createSettlementRig, receiptOf, word } from './settlementRig.ts'

/** A unit of a working, as the contract that decides it is shown it. */
export type ShownUnit = {
  modelRoot: Hex
  workingRoot: Hex
  table: bigint
  index: bigint
  openings: readonly ReturnType<typeof openingOf>[]
  file: { sectors: Hex; siblings: Hex[] }
}

const programId = word('70')
/** Slots of ModelFacts (storageLayout.generated.ts). */
const [knownSlot, programSlot] = [2n, 3n]

/** @param at - of all units: the step, and what the sampler is told there */
export async function openDeciding(
  graph: Graph,
  fileBytes: number,
  at: { position: number; token: number; draw: Draw },
) {
  const { rig, provider, settlement, signReceipt } = await createSettlementRig()
  await offerService(rig, provider.address)
  const { disputeGame } = rig.contracts
  const model = modelFacts(graph, fileBytes)
  const { step, traceRoot, steps } = stepOf(graph, at)
  const { draw } = at
  const sampler = samplerOf(draw)
  const promptTokens = steps - draw.index
  const domain = { ...receiptDomain, chainId: rig.chainId, verifyingContract: settlement.address }
  let job = 0

  return async (operator: number, unit: ShownUnit): Promise<number> => {
    const { modelRoot, workingRoot, table, index, openings, file } = unit
    await knowModel(rig, model, modelRoot, programId)
    job++
    const receipt = {
      ...receiptOf(toHex(2 ** 40 + job, { size: 20 }), provider.address, BigInt(job), rig.chainId),
      ...{ modelRoot, programId, traceRoot, sampler: samplerHash(draw), seed: bytesToHex(draw.seed32) },
      promptTokens: BigInt(promptTokens),
      completionTokens: BigInt(steps - promptTokens + 1),
    }
    const receiptHash = hashTypedData({ domain, types: receiptTypes, primaryType: 'Receipt', message: receipt })
    const place = { choice: 0, position: at.position, operator, root: workingRoot }
    const message = { receipt: receiptHash, ...place }
    const signature = await provider.signTypedData({ domain, types: workingTypes, primaryType: 'Working', message })
    const exhibit = { receipt, signature: await signReceipt(provider, receipt), sampler, adjust: adjustOf(draw), model }
    const args = [exhibit, step, { operator, root: workingRoot, signature }, table, index, openings, file] as const
    const accuser = toHex(2 ** 41 + job, { size: 20 })
    return Number((await rig.must(disputeGame, 'proveWord', args, { from: accuser })).gasUsed)
  }
}

/** Sets what the chain would have read of a model's head. An account that is set has no more than it is given. */
export async function knowModel(rig: Rig, model: ModelFacts, modelRoot: Hex, program: Hex): Promise<void> {
  const { modelFacts: knower } = rig.contracts
  const factsId = (await rig.must(knower, 'idOf', [model])).value
  const known = [entryOf(knownSlot, modelRoot, factsId), entryOf(programSlot, program)]
  const storage = Object.fromEntries(known.map((slot) => [slot, toHex(1, { size: 32 })]))
  await rig.evm.setAccount(knower.address, { code: await rig.evm.code(knower.address), storage })
}

async function offerService({ must, contracts }: Rig, provider: Hex): Promise<void> {
  const offer = { serviceType: 'chatbot', url: 'u', model: 'm', verifiability: '', inputPrice: 3n, outputPrice: 5n }
  const params = { ...offer, additionalInfo: '', teeSignerAddress: provider }
  const stake = { from: provider, value: parseEther('100') }
  await must(contracts.inferenceServing, 'addOrUpdateService', [params], stake)
}

/** The last step of a trace; its operators' digests are any. */
function stepOf(graph: Graph, { position, token }: { position: number; token: number }) {
  const operators = new Uint8Array(32 * (bodyOperatorCount(graph.layerCount) + headOperators.length)).fill(0x5a)
  const leaf = hashLeaf(stepDigest(position, token, operators))
  const trace = buildHashTree(Array.from({ length: position + 1 }, () => leaf))
  const path = hashTreePath(trace, position).map((hash) => bytesToHex(hash))
  const step = { position: BigInt(position), token: BigInt(token), operators: bytesToHex(operators), path }
  return { step, traceRoot: bytesToHex(hashTreeRoot(trace)), steps: position + 1 }
}

/** Slot of a mapping's entry; of mappings in mappings with several keys. */
function entryOf(slot: bigint, ...keys: readonly Hex[]): Hex {
  const types = [{ type: 'bytes32' }, { type: 'bytes32' }]
  return keys.reduce<Hex>(
    (at, key) => keccak256(encodeAbiParameters(types, [key, at])),
    numberToHex(slot, { size: 32 }),
  )
}
