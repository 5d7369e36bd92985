/** Judges a verdict file again, from the model's file alone: nobody is asked, and nothing in the file is believed. Spec: spec/dispute.md §10 */
import { hexToBytes } from '@weightless/codec'
import type { VerdictFile } from '@weightless/compute/wire'
import type { ProvenSource } from '@weightless/crypto'
import {
  type Accusation,
  type AdaptedGraph,
  type Finding,
  type JobCommitment,
  judge,
  masksOf,
  type ReadFile,
  samplerOf,
} from '@weightless/dispute'
import {
  checks,
  inputHash,
  receiptVersion,
  recoverReceiptSigner,
  samplerHash,
  serviceClasses,
} from '@weightless/receipt'
import { shapedRequestHash } from '@weightless/receipt/commitments'
import { isWorkingSigned } from '@weightless/receipt/working'
import {
  AdapterInvalidError,
  adaptedModelRoot,
  type ByteSource,
  readGguf,
  SafetensorsInvalidError,
  SchemaUnsupportedError,
} from '@weightless/tensor'
import { locateAdapter } from '@weightless/tensor/adapter/locateAdapter'
import { joinSources } from '@weightless/tensor/byteSource'
import { identifyModel, type ModelIdentity } from '@weightless/tensor/model/identifyModel'
import { readTokenizer } from '@weightless/tensor/tokenizer/readTokenizer'
import { BytesNotShownError, openShown } from './adaptedModel.ts'
import { type ModelFile, requireWeights } from './requireWeights.ts'

export type Judgement =
  /** As the file says: the provider signed what does not follow. */
  | { outcome: 'guilty'; finding: Extract<Finding, { guilty: true }> }
  /** The file shows nothing against the provider, or not what it says. */
  | { outcome: 'refused'; reason: string }

export type Evidence = {
  finding: Extract<Finding, { guilty: true }>
  source: ProvenSource
  graph: AdaptedGraph
  programText: string
  /** Bytes of the model's file that the accused number is made from; of accusations that need them. */
  range: { from: number; count: number } | undefined
}

/**
 * Reads the model once through for its root, then its header and the tensors that the accused number is made from.
 * @param model - the receipt's, as a file; of one that proves what it reads (`openProven`, `client.files.open`) the latter alone
 * @throws {GgufInvalidError} for a model that has the receipt's root and is none of ours
 */
export async function weighVerdict(
  file: VerdictFile,
  model: ModelFile,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Judgement> {
  const weighed = await weighEvidence(file, model, signal)
  return 'reason' in weighed ? refuse(weighed.reason) : { outcome: 'guilty', finding: weighed.finding }
}

/** As `weighVerdict`, with what a contract has to be shown. */
export async function weighEvidence(
  file: VerdictFile,
  model: ModelFile,
  signal?: AbortSignal,
): Promise<Evidence | { reason: string }> {
  const unsigned = findUnsigned(file)
  if (unsigned) return { reason: unsigned }
  const { receipt, accusation, root } = file
  const { adapter: shown } = file
  const isNamed = !shown || adaptedModelRoot(shown.base, shown.root) === receipt.modelRoot
  if (!isNamed) return { reason: 'the receipt is of no such adapter of the model' }
  const source = await requireWeights(model, shown?.base ?? receipt.modelRoot, signal)
  if (!source) return { reason: `these are not the weights ${shown?.base ?? receipt.modelRoot}` }
  const opened = shown && (await openShown(shown))
  if (opened && 'reason' in opened) return opened
  const identified = await identifyAdapted(source, opened?.file)
  if ('reason' in identified) return identified
  const { programId, programText, graph } = identified
  if (programId !== receipt.programId) return { reason: 'the receipt names another program than this model has' }
  const job = commitmentOf(file, graph)
  if (!job) return { reason: 'the receipt has no step' }
  const masks = await openMasks(file, source)
  if ('reason' in masks) return masks
  const masked = { ...job, ...masks }
  const both = opened ? joinSources(source, opened.source) : source
  const judged = await judgeReading(masked, accusation, root && hexToBytes(root.root), both)
  if ('reason' in judged) return judged
  const { finding, range } = judged
  if (!finding.guilty) return { reason: finding.reason }
  const other = findOther(finding, file.finding)
  return other ? { reason: other } : { finding, source, graph, programText, range }
}

const refuse = (reason: string): Judgement => ({ outcome: 'refused', reason })

/** What is not the provider's word, or not opened. */
function findUnsigned({
  receipt,
  settlement,
  signature,
  sampler,
  root,
  request,
  accusation,
}: VerdictFile): string | undefined {
  const isChat = receipt.serviceClass === serviceClasses.chat && receipt.check === checks.reExecution
  if (receipt.version !== receiptVersion || !isChat) return 'the receipt is of no answer that can be executed again'
  const { provider } = receipt
  if (recoverReceiptSigner(receipt, settlement, signature) !== provider) {
    return 'the receipt is not signed by its provider'
  }
  if (samplerHash(sampler) !== receipt.sampler) return 'the sampler is not the one of the receipt'
  if (request && inputHash(shapedRequestHash(request.request, request.shape), request.salt) !== receipt.inputHash) {
    return 'the request is not the one of the receipt'
  }
  if (!('working' in accusation)) return undefined
  if (!root) return 'the provider gave no root of the working'
  const { operator, step } = accusation.working
  const word = { choice: 0, position: step.position, operator, root: root.root }
  return isWorkingSigned(receipt, word, settlement, root.signature)
    ? undefined
    : 'the root of the working is not signed by the provider'
}

/** The model, with what is shown of its adapter. */
async function identifyAdapted(
  source: ByteSource,
  adapter: Uint8Array | undefined,
): Promise<(ModelIdentity & { graph: AdaptedGraph }) | { reason: string }> {
  try {
    const identity = await identifyModel(source, adapter)
    if (!adapter) return identity
    return {
      ...identity,
      graph: { ...identity.graph, adapter: locateAdapter(adapter, identity.graph, source.sizeBytes) },
    }
  } catch (error) {
    const isBroken = error instanceof AdapterInvalidError || error instanceof SafetensorsInvalidError
    if (isBroken) return { reason: `what is shown is no adapter of the model: ${error.shortMessage}` }
    throw error
  }
}

/** What a request that is opened held its answer to, with the tokenizer of the model's file. */
async function openMasks(
  { request }: VerdictFile,
  source: ByteSource,
): Promise<Pick<JobCommitment, 'mask'> | { reason: string }> {
  if (!request) return {}
  try {
    return masksOf(readTokenizer(await readGguf(source)), request.shape)
  } catch (error) {
    if (error instanceof SchemaUnsupportedError) return { reason: `the request has no mask: ${error.message}` }
    throw error
  }
}

/** Undefined where the receipt's counts are no trace. */
function commitmentOf({ receipt, sampler }: VerdictFile, graph: AdaptedGraph): JobCommitment | undefined {
  const { promptTokens, completionTokens, traceRoot, seed } = receipt
  const steps = promptTokens + completionTokens - 1n
  if (promptTokens < 1n || completionTokens < 1n || steps > 0xffff_ffffn) return undefined
  return {
    graph,
    traceRoot: hexToBytes(traceRoot),
    steps: Number(steps),
    promptTokens: Number(promptTokens),
    sampler: { ...samplerOf(sampler), seed32: hexToBytes(seed) },
  }
}

/** Judges twice where the accused number is made from bytes of the model: the first time says which, and no others are read. */
async function judgeReading(
  job: JobCommitment,
  accusation: Accusation,
  workingRoot: Uint8Array | undefined,
  source: ByteSource,
): Promise<{ finding: Finding; range: Evidence['range'] } | { reason: string }> {
  const judged = (file: ReadFile) => judge(job, accusation, { workingRoot, file })
  try {
    const asked = judged((from, count) => {
      throw new BytesAsked(from, count)
    })
    return { finding: asked, range: undefined }
  } catch (error) {
    if (!(error instanceof BytesAsked)) throw error
    const { from, count } = error
    const bytes = await readShown(source, from, count)
    if (!bytes) return { reason: 'the file does not show what the number is made from' }
    return { finding: judged(() => bytes), range: { from, count } }
  }
}

async function readShown(source: ByteSource, from: number, count: number): Promise<Uint8Array | undefined> {
  try {
    return await source.read(from, count)
  } catch (error) {
    if (error instanceof BytesNotShownError) return undefined
    throw error
  }
}

/** No fault: the first bytes that a rule asks for, and all. */
class BytesAsked extends Error {
  readonly from: number
  readonly count: number
  constructor(from: number, count: number) {
    super('bytes of the model')
    this.from = from
    this.count = count
  }
}

function findOther(finding: Extract<Finding, { guilty: true }>, claimed: VerdictFile['finding']): string | undefined {
  for (const [name, value] of Object.entries(finding)) {
    const said = claimed[name as keyof typeof claimed]
    if (said !== value) return `the file says ${name} ${said}, judging gives ${value}`
  }
  return undefined
}
