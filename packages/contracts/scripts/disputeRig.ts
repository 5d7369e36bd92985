/** A provider with a stake and runs of the probe model over a contract rig: the stage of what is disputed on chain. */
import { bytesToHex, textToBytes } from '@weightless/codec'
import { fileTree, segmentBytes } from '@weightless/crypto'
import { proveSectors, sectorsMax } from '@weightless/crypto/sectorRange'
import { type Accusation, accuse, createDefender, judge } from '@weightless/dispute'
import { accusationArguments, type SignedRootWord } from '@weightless/dispute/contract/accusationArguments'
import { modelFacts } from '@weightless/dispute/contract/modelFacts'
import { openProbe, type ProbeRun, type RunOptions, runProbe } from '@weightless/dispute/referee/probeJob.cases'
import { describeModel } from '@weightless/tensor'
import { encodeAbiParameters, type Hex, hashTypedData, keccak256, parseEther, toHex } from 'viem'
import { receiptDomain, receiptTypes, workingTypes } from '../src/typedData.ts'
import type { Rig } from './contractRig.ts'
import { createSettlementRig, receiptOf } from './settlementRig.ts'

export const stakedWei = parseEther('100')
const offer = { serviceType: 'chatbot', url: 'u', model: 'm', verifiability: '', inputPrice: 3n, outputPrice: 5n }
export const probeOptions: RunOptions = {
  prompt: [5, 42, 79],
  steps: 5,
  sampler: { temperature: 0, topP: 1, seed32: new Uint8Array(32) },
}
const doubleBits = (value: number) => new BigUint64Array(Float64Array.of(value).buffer)[0]!

/** `Sampler` of solidity/dispute/judge/Exhibit.sol, of three tokens at most. */
export function samplerOf({ temperature, topP }: Pick<RunOptions['sampler'], 'temperature' | 'topP'>) {
  return { temperatureBits: doubleBits(temperature), topPBits: doubleBits(topP), maxTokens: 3 }
}

/** `Adjust` of solidity/dispute/judge/Model.sol. */
export function adjustOf({ adjust }: Pick<RunOptions['sampler'], 'adjust'>) {
  const { presence = 0, frequency = 0, bias = [] } = adjust ?? {}
  return {
    presenceBits: doubleBits(presence),
    frequencyBits: doubleBits(frequency),
    biased: bias.map(([token]) => token),
    biasBits: bias.map(([, value]) => doubleBits(value)),
  }
}

export type DisputeReceipt = ReturnType<typeof receiptOf>
export type DisputeRig = Awaited<ReturnType<typeof createDisputeRig>>

export async function createDisputeRig(openRig?: () => Promise<Rig>) {
  const base = await createBase(openRig)
  return { ...base, ...accusing(base) }
}

type Base = Awaited<ReturnType<typeof createBase>>

async function createBase(openRig: (() => Promise<Rig>) | undefined) {
  const stage = await createSettlementRig(openRig)
  const { rig, provider, settlement } = stage
  const { inferenceServing, providerStake } = rig.contracts
  const [, user, accuser] = rig.accounts.map(({ address }) => address) as [Hex, Hex, Hex]
  const model = await openProbe()
  const { programId, programText } = await describeModel(model.bytes)
  const tree = fileTree(model.bytes)
  const prove = (from: number, count: number) =>
    proveSectors(tree, (i) => model.bytes.subarray(i * segmentBytes, (i + 1) * segmentBytes), from, count)
  const modelRoot = bytesToHex(tree.root)
  const facts = modelFacts(model.graph, model.bytes.length)
  const params = { ...offer, additionalInfo: '', teeSignerAddress: provider.address }
  await rig.must(inferenceServing, 'addOrUpdateService', [params], { from: provider.address, value: stakedWei })
  const domain = { ...receiptDomain, chainId: rig.chainId, verifyingContract: settlement.address }
  const samplers = new Map<Hex, RunOptions['sampler']>()
  const rememberSampler = (sampler: RunOptions['sampler']): Hex => {
    const hash = samplerHash(sampler)
    samplers.set(hash, sampler)
    return hash
  }
  const receiptFor = (run: ProbeRun, jobNonce = 1n): DisputeReceipt => ({
    ...receiptOf(user, provider.address, jobNonce, rig.chainId),
    modelRoot,
    programId,
    sampler: rememberSampler(run.job.sampler),
    seed: bytesToHex(run.job.sampler.seed32),
    traceRoot: bytesToHex(run.job.traceRoot),
    promptTokens: BigInt(run.job.promptTokens),
    completionTokens: BigInt(run.job.steps - run.job.promptTokens + 1),
  })
  const idOf = (message: DisputeReceipt) =>
    hashTypedData({ domain, types: receiptTypes, primaryType: 'Receipt', message })
  async function signRoot(
    receipt: DisputeReceipt,
    place: { position: number; operator: number },
    root: Hex,
    by = provider,
  ) {
    const message = { receipt: idOf(receipt), choice: 0, ...place, root }
    const signature = await by.signTypedData({ domain, types: workingTypes, primaryType: 'Working', message })
    return { root, signature } satisfies SignedRootWord
  }
  const exhibitOf = async (receipt: DisputeReceipt) => ({
    receipt,
    signature: await stage.signReceipt(provider, receipt),
    sampler: samplerOf(samplers.get(receipt.sampler) ?? probeOptions.sampler),
    adjust: adjustOf(samplers.get(receipt.sampler) ?? probeOptions.sampler),
    model: facts,
  })

  return {
    ...stage,
    model,
    facts,
    modelRoot,
    programText: toHex(textToBytes(programText)),
    user,
    accuser,
    prove,
    receiptFor,
    idOf,
    signRoot,
    exhibitOf,
    slashable: async () => (await rig.must(providerStake, 'slashableOf', [provider.address])).value,
    credit: async (of: Hex) => (await rig.must(providerStake, 'credits', [of])).value,
    /** Has the model's facts read from its file. */
    vouch: async () => {
      await readHead(rig, modelRoot, model.bytes.length, prove)
      await rig.must(rig.contracts.modelFacts, 'finish', [modelRoot, facts.fileBytes])
      await rig.must(rig.contracts.modelFacts, 'openProgram', [toHex(textToBytes(programText))])
    },
  }
}

function accusing({ rig, model, prove, signRoot, exhibitOf, accuser }: Base) {
  /** What an accuser who executes again finds in a run, with the root that its provider signs. */
  async function accuseRun(run: ProbeRun, receipt: DisputeReceipt, options = probeOptions) {
    const own = runProbe(model, { ...options, forced: run.tokens })
    const accused = await accuse(run.job, own.execution, createDefender(run.defence))
    if (accused.found !== 'accusation') return undefined
    const { accusation, workingRoot } = accused
    let range: { from: number; count: number } | undefined
    const finding = judge(run.job, accusation, {
      workingRoot,
      file: (from, count) => {
        range = { from, count }
        return model.file(from, count)
      },
    })
    const working = 'working' in accusation ? accusation.working : undefined
    const place = working && { position: working.step.position, operator: working.operator }
    const signed = place && workingRoot && (await signRoot(receipt, place, bytesToHex(workingRoot)))
    return { accusation, finding, signed, range: range && prove(range.from, range.count) }
  }

  /** Sends an accusation to the contract. */
  async function accuseOnChain(
    receipt: DisputeReceipt,
    accusation: Accusation,
    signed: SignedRootWord | undefined,
    range: ReturnType<typeof prove> | undefined,
    exhibit?: Awaited<ReturnType<typeof exhibitOf>>,
  ) {
    const { functionName, args } = accusationArguments(accusation, signed, range)
    const all = [exhibit ?? (await exhibitOf(receipt)), ...args] as never
    return rig.send(rig.contracts.disputeGame, functionName, all, { from: accuser })
  }
  return { accuseRun, accuseOnChain }
}

/** @param sectors - of each part @returns gas of all parts, and how many there were */
export async function readHead(
  rig: Rig,
  modelRoot: Hex,
  fileBytes: number,
  prove: (from: number, count: number) => { sectors: Uint8Array; siblings: readonly Uint8Array[] },
  sectors = sectorsMax,
) {
  const { modelFacts: facts } = rig.contracts
  const size = BigInt(fileBytes)
  let gasUsed = 0n
  for (let parts = 0; ; parts++) {
    const [next, left] = (await rig.must(facts, 'progress', [modelRoot, size])).value
    if (next > 0n && left === 0n) return { gasUsed, parts }
    const from = Number(next)
    const count = Math.min(sectors * 256 - (from % 256), fileBytes - from)
    const part = prove(from, count)
    const args = [modelRoot, size, bytesToHex(part.sectors), part.siblings.map((hash) => bytesToHex(hash))] as const
    gasUsed += (await rig.must(facts, 'read', args)).gasUsed
  }
}

/** Spec: receipt.md 4.2. */
export function samplerHash(sampler: Pick<RunOptions['sampler'], 'temperature' | 'topP' | 'adjust'>): Hex {
  const hash = (types: string, values: readonly unknown[]) =>
    keccak256(
      encodeAbiParameters(
        types.split(' ').map((type) => ({ type })),
        values,
      ),
    )
  const tag = (name: string) => keccak256(toHex(`weightless/receipt/v1/${name}`))
  const { temperatureBits, topPBits, maxTokens } = samplerOf(sampler)
  const plain = hash('bytes32 uint64 uint64 uint32', [tag('sampler'), temperatureBits, topPBits, maxTokens])
  if (!sampler.adjust) return plain
  const { presenceBits, frequencyBits, biased, biasBits } = adjustOf(sampler)
  const values = [tag('sampler-adjusted'), plain, presenceBits, frequencyBits, biased, biasBits]
  return hash('bytes32 bytes32 uint64 uint64 uint32[] uint64[]', values)
}
