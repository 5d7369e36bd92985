/** An answer of the probe model that is wrong in a planted way, signed, and its provider's answers to questions: what verdict files are tested with. */
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import { buildHashTree, fileRoot, hashLeaf, hashTreeRoot } from '@weightless/crypto'
import { createDefender, executeJob, type JobCommitment, masksOf, samplerOf } from '@weightless/dispute'
import {
  type Bundle,
  type ChatOpening,
  checks,
  feeOf,
  inputHash,
  outputHash,
  priceId,
  type Receipt,
  receiptVersion,
  requestHash,
  type SamplerParameters,
  samplerHash,
  seedOf,
  serviceClasses,
  signReceipt,
} from '@weightless/receipt'
import { plain } from '@weightless/receipt/bundle'
import type { RequestShape } from '@weightless/receipt/commitments'
import { signWorking } from '@weightless/receipt/working'
import { adaptedModelRoot, bytesSource, loadModel, readGguf, runChat } from '@weightless/tensor'
import { locateAdapter } from '@weightless/tensor/adapter/locateAdapter'
import { joinSources } from '@weightless/tensor/byteSource'
import { makeProbeModel } from '@weightless/tensor/selfCheck/makeProbeModel'
import { stepDigest } from '@weightless/tensor/trace/recordSteps'
import { privateKeyToAccount } from 'viem/accounts'

/** `weight`: runs other weights; `covering`: and shows workings of the claimed ones; `operators`: a step lacks one; `token`: goes on with another; `choice`: holds the answer to another schema than was asked for; `adapter`: runs another adapter. */
export type Plant = 'nothing' | 'weight' | 'covering' | 'operators' | 'token' | 'choice' | 'adapter'

export const shape: RequestShape = {
  ...{ choices: 1, tools: '', toolChoice: '', callsMax: 0 },
  schema: schemaWith('a'),
}

export type Planted = {
  /** The file that the receipt names. */
  weights: Uint8Array
  bundle: Bundle<ChatOpening>
  send(body: object): Promise<unknown>
}

/** Another receipt by the same provider. */
export const signAgain = (receipt: Receipt): Promise<Hex> => signReceipt(receipt, settlement, provider)

const provider = privateKeyToAccount(`0x${'42'.repeat(32)}`)
const settlement: Hex = `0x${'5e'.repeat(20)}`
const salt: Hex = `0x${'a1'.repeat(32)}`
export const changedTensor = 'blk.1.ffn_up.weight'

function schemaWith(property: string): string {
  const properties = { [property]: { type: 'integer' } }
  return JSON.stringify({ type: 'object', properties, required: [property], additionalProperties: false })
}

/** @param extra - a penalty, for instance */
export async function plantFault(
  plant: Plant,
  extra: Partial<SamplerParameters> = {},
  asked?: RequestShape,
  adapter?: Uint8Array,
): Promise<Planted> {
  const weights = makeProbeModel()
  const used = weights.slice()
  const { tensors } = await readGguf(weights)
  if (plant === 'weight' || plant === 'covering') used[tensors.get(changedTensor)!.offset]! ^= 0x10
  const ranAdapter = plant === 'adapter' ? await changeAdapter(weights, adapter!) : adapter
  const claimed = await loadModel(weights, adapter && { adapter })
  const model = await loadModel(used, ranAdapter && { adapter: ranAdapter })
  const places = ranAdapter && locateAdapter(ranAdapter, model.parts.graph, used.length)
  const messages = [{ role: 'user', content: 'Hello' }]
  const sampler: SamplerParameters = { temperature: 0.8, topP: 1, maxTokens: 4, ...extra }
  const request = requestHash(messages, [], samplerHash(sampler), asked)
  const seed = seedOf({ kind: 'seed', value: 3n }, request)
  const ran = plant === 'choice' ? { ...shape, schema: schemaWith('b') } : asked
  const run = await runChat(model, { messages, ...sampler, shape: ran, seed32: hexToBytes(seed) })
  const outputTokens = [...run.outputTokens]
  if (plant === 'token') outputTokens[1] = outputTokens[1]! === 5 ? 6 : 5
  const prompt = model.promptTokens(messages)
  const tokens = [...prompt, ...outputTokens.slice(0, -1)]
  const job: JobCommitment = {
    graph: { ...model.parts.graph, ...(places && { adapter: places }) },
    traceRoot: new Uint8Array(32),
    steps: tokens.length,
    promptTokens: prompt.length,
    sampler: { ...samplerOf(sampler), seed32: hexToBytes(seed) },
    ...masksOf(model.tokenizer, ran),
  }
  const file = ranAdapter ? joinSources(bytesSource(used), bytesSource(ranAdapter)) : bytesSource(used)
  const own = await executeJob(model, job, tokens, file)
  const shown = plant === 'covering' ? await executeJob(claimed, job, tokens, bytesSource(weights)) : own
  const operators = own.operators.map((digests, t) =>
    plant === 'operators' && t === 1 ? digests.subarray(0, digests.length - 32) : digests,
  )
  job.traceRoot = hashTreeRoot(
    buildHashTree(operators.map((digests, t) => hashLeaf(stepDigest(t, tokens[t]!, digests)))),
  )
  const price = { model: 'probe', inputWeiPerToken: 1n, outputWeiPerToken: 2n, updatedAt: 7n }
  const usage = { promptTokens: BigInt(prompt.length), completionTokens: BigInt(outputTokens.length) }
  const opening: ChatOpening = {
    ...{ salt, messages, stop: [], sampler, seed: { kind: 'seed', value: 3n }, price },
    ...{ outputTokens, outputText: run.text, finishReason: run.finishReason },
    ...(asked && { shape: asked }),
  }
  const receipt: Receipt = {
    ...{ version: receiptVersion, serviceClass: serviceClasses.chat, check: checks.reExecution, chainId: 1_337n },
    ...{ user: `0x${'0a'.repeat(20)}`, provider: provider.address.toLowerCase() as Hex },
    ...{ modelRoot: rootOf(weights, adapter), programId: claimed.programId, tokenizerRoot: claimed.tokenizerRoot },
    ...{ sampler: samplerHash(sampler), seed, inputHash: inputHash(request, salt), ...usage },
    outputHash: outputHash(outputTokens, run.text, run.finishReason, salt),
    traceRoot: bytesToHex(job.traceRoot),
    priceId: priceId(provider.address, price),
    ...{ fee: feeOf(price, usage), jobNonce: 9n, timestamp: 1_700_000_000n },
  }
  const signature = await signReceipt(receipt, settlement, provider)
  const bundle: Bundle<ChatOpening> = { settlement, receipt, signature, opening }
  const defender = createDefender({ job, tokens, operators, work: shown.work })
  return { weights, bundle, send: (body) => answer(body as { question: Question }) }

  async function answer({ question }: { question: Question }): Promise<unknown> {
    const { ask, position = 0, operator = 0, level = 0, index = 0, chunk = 0 } = question
    if (ask === 'trace') return plain({ hashes: await defender.traceHashes(level, index) })
    if (ask === 'hashes') return plain({ hashes: await defender.hashes(position, operator, level, index) })
    if (ask === 'chunk') return plain({ bytes: await defender.chunk(position, operator, chunk) })
    if (ask === 'step') {
      const { position: _, ...step } = (await defender.step(position))!
      return plain(step)
    }
    const root = bytesToHex((await defender.workingRoot(position, operator))!)
    return {
      root,
      signature: await signWorking(receipt, { choice: 0, position, operator, root }, settlement, provider),
    }
  }
}

export const changedPair = 'blk.1.ffn_down.weight'

/** Another bit in B of one matrix. */
async function changeAdapter(weights: Uint8Array, adapter: Uint8Array): Promise<Uint8Array> {
  const { graph } = (await loadModel(weights)).parts
  const changed = adapter.slice()
  changed[locateAdapter(adapter, graph, 0).pairs.get(changedPair)!.b.offset + 2]! ^= 0x10
  return changed
}

function rootOf(weights: Uint8Array, adapter: Uint8Array | undefined): Hex {
  const root = bytesToHex(fileRoot(weights))
  return adapter ? adaptedModelRoot(root, bytesToHex(fileRoot(adapter))) : root
}

type Question = {
  ask: string
  position?: number
  operator?: number
  level?: number
  index?: number
  chunk?: number
}
