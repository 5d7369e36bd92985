/** Receipts of answers that the embedded engine made, as a provider signs them: for tests of what is said about such answers. */
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import type { ChatRequest, ChatRun, Model } from '@weightless/tensor'
import { privateKeyToAccount } from 'viem/accounts'
import { feeOf, inputHash, outputHash, priceId, requestHash, samplerHash, seedOf } from './commitments.ts'
import type { Bundle, ChatOpening } from './openedReceipt.ts'
import { type Receipt, signReceipt } from './receipt.ts'

const account = privateKeyToAccount(`0x${'42'.repeat(32)}`)
const settlement: Hex = `0x${'51'.repeat(20)}`
const price = { model: 'tiny', inputWeiPerToken: 3n, outputWeiPerToken: 5n, updatedAt: 1n }

export type AskedChat = Pick<ChatOpening, 'messages' | 'sampler'> & { number: number }

/** The request as the engine takes it; its seed follows from its number. */
export function jobOf({ number, messages, sampler }: AskedChat): ChatRequest {
  return { messages, ...sampler, stop: [], seed32: hexToBytes(wordOf({ number, messages, sampler })) }
}

/** @param change - what the provider says instead of what it made */
export async function signChat(
  model: Pick<Model, 'programId' | 'tokenizerRoot'>,
  modelRoot: Hex,
  asked: AskedChat,
  run: ChatRun,
  change?: (honest: ChatOpening) => Partial<ChatOpening>,
): Promise<Bundle<ChatOpening>> {
  const { messages, sampler: parameters, number } = asked
  const salt = bytesToHex(Uint8Array.from({ length: 32 }, (_, i) => (number * 31 + i) & 0xff))
  const made: ChatOpening = {
    ...{ salt, messages, stop: [], sampler: parameters, seed: seedOfNumber(number), price },
    ...{ outputTokens: run.outputTokens, outputText: run.text, finishReason: run.finishReason },
  }
  const opening = { ...made, ...change?.(made) }
  const sampler = samplerHash(parameters)
  const usage = {
    promptTokens: BigInt(run.promptTokens.length),
    completionTokens: BigInt(opening.outputTokens.length),
  }
  const provider = account.address.toLowerCase() as Hex
  const receipt: Receipt = {
    ...{ version: 1, serviceClass: 1, check: 1, chainId: 1n, user: `0x${'01'.repeat(20)}`, provider, modelRoot },
    ...{ programId: model.programId, tokenizerRoot: model.tokenizerRoot, sampler, seed: wordOf(asked) },
    inputHash: inputHash(requestHash(messages, [], sampler), salt),
    outputHash: outputHash(opening.outputTokens, opening.outputText, opening.finishReason, salt),
    ...{ traceRoot: bytesToHex(run.trace!.root), ...usage, priceId: priceId(provider, price) },
    ...{ fee: feeOf(price, usage), jobNonce: BigInt(number), timestamp: 1n },
  }
  return { settlement, receipt, opening, signature: await signReceipt(receipt, settlement, account) }
}

const seedOfNumber = (number: number) => ({ kind: 'seed' as const, value: BigInt(number) })

function wordOf({ number, messages, sampler }: AskedChat): Hex {
  return seedOf(seedOfNumber(number), requestHash(messages, [], samplerHash(sampler)))
}
