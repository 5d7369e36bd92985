/** Makes a receipt durable before the client hears the end; afterwards it can be signed and settled, whatever happens. COMPUTE §8.1 */
import { bytesToHex } from '@weightless/codec'
import { hashReceipt, type Opening, openingToJson, type Receipt, receiptToJson } from '@weightless/receipt'
import { checkKept } from './acceptJob.ts'
import type { Admitted } from './admitJob.ts'
import type { ProviderContext } from './providerContext.ts'

/** SHA-256 of the request's and the answer's bytes as they are on the wire. */
export type Exchange = {
  requestSha256: Uint8Array
  responseSha256: Uint8Array
  /** What is signed instead, where the exchange was sealed. */
  text?: string
}

export async function recordReceipt(
  context: ProviderContext,
  job: Pick<Admitted, 'terms' | 'acceptance' | 'turnAtMs'> & { id: string },
  { receipt, opening }: { receipt: Receipt; opening: Opening },
  exchange: Exchange,
): Promise<void> {
  const { place, log, metrics, timings } = context
  checkKept(job, receipt)
  const receiptHash = hashReceipt(receipt, place.settlement)
  const text = exchange.text ?? `${hex(exchange.requestSha256)}:${hex(exchange.responseSha256)}`
  const { user, jobNonce, fee } = receipt
  await log.addReceipt(
    {
      kind: 'receipt',
      jobId: job.id,
      path: job.terms ? 'voucher' : 'sdk',
      user,
      jobNonce,
      fee,
      receiptHash,
      receiptedAtMs: context.env.clock.nowMs(),
      ...(job.terms ? { deadlineSeconds: job.terms.authorization.deadline } : {}),
    },
    {
      jobId: job.id,
      user,
      jobNonce,
      receiptHash,
      // Signed when it is asked for, with the others that are asked for with it.
      bundle: {
        version: 1,
        settlement: place.settlement,
        receipt: receiptToJson(receipt),
        opening: openingToJson(opening),
      },
      authorization: job.terms && { authorization: job.terms.authorization, signature: job.terms.signature },
      // Few ask for its signature, and whoever does gets it then: what is signed is fixed here.
      exchange: { text },
    },
  )
  timings.ended(job.turnAtMs)
  metrics.jobs.add()
  metrics.promptTokens.add(Number(receipt.promptTokens))
  metrics.completionTokens.add(Number(receipt.completionTokens))
  metrics.earnedWei.add(Number(receipt.fee))
  context.settleSoon()
}

const hex = (bytes: Uint8Array): string => bytesToHex(bytes).slice(2)
