/**
 * Ways to cheat with a signature: an honest provider behind, and a front of the same key that signs other receipts than it
 * made, or leaves out what it was asked to sign. They exist to be caught; nothing of the product imports them.
 */
import type { HttpRequest, HttpResponse, Network } from '@weightless/env'
import { type Bundle, bundleToJson, type Receipt, readBundle, signReceipt, type TypedSigner } from '@weightless/receipt'
import { acceptanceHeader } from '../src/wire/payment.ts'

export const receiptCheats = ['wrong-body', 'late-answer', 'false-bill', 'no-acceptance'] as const

export type ReceiptCheat = (typeof receiptCheats)[number]

/** The same network, whose servers answer as the cheat wants. */
export function bendReceipts(network: Network, account: TypedSigner, cheat: ReceiptCheat): Network {
  return {
    ...network,
    fetch: (url, options) => network.fetch(url, options),
    connect: (url, signal) => network.connect(url, signal),
    serve: (options) =>
      network.serve({
        ...options,
        handler: async (request) => bendAnswer(request, await options.handler(request), account, cheat),
      }),
  }
}

async function bendAnswer(
  request: HttpRequest,
  answer: HttpResponse,
  account: TypedSigner,
  cheat: ReceiptCheat,
): Promise<HttpResponse> {
  if (cheat === 'no-acceptance') {
    const { [acceptanceHeader]: _, ...headers } = answer.headers ?? {}
    return { ...answer, headers }
  }
  if (!request.path.endsWith('/v1/settlements') || answer.status !== 200 || typeof answer.body !== 'string')
    return answer
  const document = JSON.parse(answer.body) as { receipts: unknown[] }
  const receipts = await Promise.all(document.receipts.map((json) => bend(json, account, cheat)))
  return { ...answer, body: JSON.stringify({ ...document, receipts }) }
}

async function bend(json: unknown, account: TypedSigner, cheat: Exclude<ReceiptCheat, 'no-acceptance'>) {
  const read = readBundle(json)
  if (!read.ok) throw new TypeError(`our own bundle is malformed: ${read.detail}`)
  const { settlement, opening } = read.value
  const receipt = { ...read.value.receipt, ...changesOf(read.value, cheat) }
  return bundleToJson({ settlement, receipt, signature: await signReceipt(receipt, settlement, account), opening })
}

function changesOf({ receipt }: Bundle, cheat: Exclude<ReceiptCheat, 'no-acceptance'>): Partial<Receipt> {
  if (cheat === 'wrong-body') return { inputHash: receipt.outputHash }
  return cheat === 'late-answer' ? { timestamp: receipt.timestamp + 100_000n } : { fee: receipt.fee + 1n }
}
