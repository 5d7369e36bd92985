/** The receipt of an answer that was passed on: about bytes, not re-executable. RECEIPT §4.8, COMPUTE §11.5 */
import { bytesToHex } from '@weightless/codec'
import {
  type BodyFinish,
  type BodyOpening,
  bodyOutputHash,
  bodyRequestHash,
  checks,
  feeOf,
  inputHash,
  priceId,
  printProgram,
  type Receipt,
  receiptVersion,
  serviceClasses,
  zeroWord,
} from '@weightless/receipt'
import type { Units } from '../../wire/bodyRequest.ts'
import type { Admitted } from '../admitJob.ts'
import type { ProviderContext } from '../providerContext.ts'
import { type Exchange, recordReceipt } from '../recordReceipt.ts'
import type { SealedExchange } from '../sealed/openSealed.ts'

export type BodyJob = Admitted & {
  id: string
  path: string
  requestSha256: Uint8Array
  sealed?: SealedExchange
}

export function finishBody(
  context: ProviderContext,
  job: BodyJob,
  end: {
    units: Units
    responseSha256: Uint8Array
    finishReason: BodyFinish
    /** The answer shows log-probabilities of the model that is named. FINGERPRINT §3 */
    isPrinted?: boolean
  },
): Promise<void> {
  const { units, responseSha256, finishReason } = end
  const { price, engine, address } = context
  // Of what broke off nothing is promised.
  const isPrinted = end.isPrinted && finishReason === 'stop'
  const logprobs = engine.kind === 'upstream' && isPrinted ? engine.fingerprint?.logprobs : undefined
  const { modelRoot, programId, tokenizerRoot } = engine.model
  const text = job.sealed && { text: job.sealed.text() }
  const exchange: Exchange = { requestSha256: job.requestSha256, responseSha256, ...text }
  const opening: BodyOpening = {
    kind: 'body',
    salt: job.salt,
    path: job.path,
    requestSha256: bytesToHex(exchange.requestSha256),
    responseSha256: bytesToHex(exchange.responseSha256),
    finishReason,
    price,
  }
  const receipt: Receipt = {
    version: receiptVersion,
    serviceClass: serviceClasses.body,
    // Embeddings follow from the request's bytes and the model. A sealed chat does too, but nobody has its bytes.
    check: engine.kind === 'encoder' ? checks.reExecution : logprobs ? checks.fingerprint : checks.none,
    chainId: context.place.chainId,
    user: job.user,
    provider: address,
    modelRoot,
    programId: logprobs ? printProgram(logprobs) : programId,
    tokenizerRoot,
    sampler: zeroWord,
    seed: zeroWord,
    inputHash: inputHash(bodyRequestHash(opening.path, opening.requestSha256), job.salt),
    outputHash: bodyOutputHash(opening.responseSha256, finishReason, job.salt),
    traceRoot: zeroWord,
    ...{ promptTokens: units.promptTokens, completionTokens: units.completionTokens },
    priceId: priceId(address, price),
    fee: feeOf(price, units),
    jobNonce: job.jobNonce,
    timestamp: BigInt(Math.floor(context.env.clock.nowMs() / 1000)),
  }
  return recordReceipt(context, job, { receipt, opening }, exchange)
}
