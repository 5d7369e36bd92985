/** One check from beginning to end: an answer executed again, embeddings made again, a verdict judged, a dispute played. */
import { type Hex, WeightlessError } from '@weightless/codec'
import { parseVerdictFile, type VerdictFile, verdictFileToJson } from '@weightless/compute/wire'
import { SegmentDamagedError } from '@weightless/crypto'
import { type Bundle, readBundle, type Verification, verifyBundle } from '@weightless/receipt'
import type { Client } from '@weightless/sdk'
import { judgeVerdict } from '@weightless/sdk/receipts/judgeVerdict'
import { verifyEmbeddings } from '@weightless/sdk/receipts/verifyEmbeddings'
import type { CheckJob, CheckResult, Finished, WeightsFrom } from './checkMessages.ts'
import { type FoundWeights, openWeights, type WeightsMeans } from './openWeights.ts'
import { dropKept } from './weightStore.ts'

/** @throws {DocumentUnreadableError} @throws {WeightsAbsentError} @throws {ReceiptUndisputableError} */
export async function runCheck(job: CheckJob, means: WeightsMeans): Promise<Finished> {
  const startMs = performance.now()
  const state: { from: WeightsFrom; readyMs: number; root: Hex | undefined } = {
    ...{ from: job.kind === 'embed' ? 'file' : 'none', readyMs: startMs, root: undefined },
  }
  const find: FindWeights = async (root) => {
    const { weights, from } = await openWeights(root, means)
    Object.assign(state, { from, root, readyMs: performance.now() })
    return weights
  }
  const once = () => runOnce(job, means, find)
  const result = await once().catch(async (error: unknown) => {
    if (!(error instanceof SegmentDamagedError) || state.from !== 'kept' || !state.root) throw error
    // What was kept here has been damaged since; that must not be held against the provider.
    await dropKept(state.root)
    return once()
  })
  const endMs = performance.now()
  return { result, weightsFrom: state.from, tookMs: endMs - startMs, workMs: endMs - state.readyMs }
}

type FindWeights = (root: Hex) => Promise<FoundWeights['weights']>

async function runOnce(job: CheckJob, means: WeightsMeans, find: FindWeights): Promise<CheckResult> {
  if (job.kind === 'judge') return judge(job.verdict, means, find)
  if (job.kind === 'submit') return submit(job.verdict, means, find)
  const bundle = readAgain(job.bundle)
  if (job.kind === 'challenge') return challenge(bundle, means, find)
  if (job.kind === 'embed') return { kind: 'verify', outcome: await embedAgain(bundle, job) }
  if (job.kind === 'verify') return { kind: 'verify', outcome: await verify(bundle, job.isOurs, means, find) }
  return dispute(bundle, means, find)
}

async function judge(document: unknown, { report }: WeightsMeans, find: FindWeights): Promise<CheckResult> {
  const verdict = readVerdict(document)
  const weights = await find(verdict.receipt.modelRoot)
  report('judging')
  return { kind: 'judge', judgement: await judgeVerdict(verdict, weights) }
}

/** The head of a model that the chain does not know goes first, in parts. */
async function submit(document: unknown, { client, report }: WeightsMeans, find: FindWeights): Promise<CheckResult> {
  const verdict = readVerdict(document)
  if (!client) throw new NetworkNeededError()
  const model = await find(verdict.receipt.modelRoot)
  report('sending')
  const onPart = (readBytes: number) => report('sending', readBytes)
  return { kind: 'submit', slashing: await client.receipts.submitVerdict(verdict, { model, onPart }) }
}

async function challenge(bundle: Bundle, { client, report }: WeightsMeans, find: FindWeights): Promise<CheckResult> {
  if (!client) throw new NetworkNeededError()
  const model = await find(bundle.receipt.modelRoot)
  report('opening')
  let asked = 0
  const onQuestion = () => report('asking', asked++)
  const onPart = (readBytes: number) => report('sending', readBytes)
  return { kind: 'challenge', challenge: await client.receipts.challenge(bundle, { model, onQuestion, onPart }) }
}

function readVerdict(document: unknown): VerdictFile {
  const read = parseVerdictFile(JSON.stringify(document))
  if (!read.ok) throw new DocumentUnreadableError(read.detail)
  return read.value
}

function verify(bundle: Bundle, isOurs: boolean, means: WeightsMeans, find: FindWeights): Promise<Verification> {
  const { client, report } = means
  const options = {
    loadWeights: async (root: Hex) => requireRoot(root, await find(root)),
    onProgress: ({ stage, done, total }: { stage: string; done: number; total: number }) => {
      if (stage === 'hashing') report('hashing', done, total)
      if (stage === 'loading') report('opening', done, total)
      if (stage === 'replaying') report('executing', done, total)
    },
  }
  return client && (isOurs || isOfNetwork(bundle, client))
    ? client.receipts.verify(bundle, options)
    : verifyBundle(bundle, options)
}

/** A file that proves another root is no weights of this receipt. */
function requireRoot(root: Hex, weights: FoundWeights['weights']): FoundWeights['weights'] | undefined {
  return weights instanceof Uint8Array || weights.root === root ? weights : undefined
}

function isOfNetwork({ receipt, settlement }: Bundle, { config }: Client): boolean {
  const { chain, contracts } = config
  return (
    receipt.chainId === BigInt(chain.chainId) &&
    settlement === (contracts.receiptSettlement ?? settlement).toLowerCase()
  )
}

async function embedAgain(bundle: Bundle, job: Extract<CheckJob, { kind: 'embed' }>): Promise<Verification> {
  const bytes = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer())
  const { weights, config, tokenizer } = job.encoder
  const files = { weights: await bytes(weights), config: await bytes(config), tokenizer: await bytes(tokenizer) }
  return verifyEmbeddings(bundle, { request: await bytes(job.request), files })
}

async function dispute(bundle: Bundle, { client, report }: WeightsMeans, find: FindWeights): Promise<CheckResult> {
  if (!client) throw new NetworkNeededError()
  const played = await client.receipts.dispute(bundle, {
    loadWeights: find,
    onProgress: ({ stage, done, total }) => report(stage === 'loading' ? 'opening' : stage, done, total),
  })
  const verdict = played.outcome === 'guilty' ? JSON.stringify(verdictFileToJson(played.verdict), null, 1) : undefined
  return { kind: 'dispute', dispute: played, verdict }
}

function readAgain(document: unknown): Bundle {
  const read = readBundle(document)
  if (!read.ok) throw new DocumentUnreadableError(read.detail)
  return read.value
}

class DocumentUnreadableError extends WeightlessError {
  constructor(detail: string | undefined) {
    super('console/document-unreadable', detail ?? 'This cannot be read.', {})
  }
}

class NetworkNeededError extends WeightlessError {
  constructor() {
    super('console/network-needed', 'A dispute needs the provider, and no network is at hand.', {})
  }
}
