/**
 * Weighs the fingerprint of a receipt of check 2: whether the log-probabilities that came with the answer are those of the
 * model that it names. Statistical; it does not show that sampling was fair. Spec: spec/fingerprint.md
 */
import { bytesToHex, bytesToText, type Hex } from '@weightless/codec'
import { fileRoot, sha256 } from '@weightless/crypto'
import { type ByteSource, loadModel } from '@weightless/tensor'
import { isBodyBundle } from '../bundle.ts'
import { checkBundle, type Difference, differ, type Expectations } from '../checkBundle.ts'
import type { BodyOpening, Bundle } from '../openedReceipt.ts'
import { checks } from '../receipt.ts'
import { findRequest } from '../verifyBody.ts'
import type { Verification } from '../verifyBundle.ts'
import { boundsOf, describeAlarms, findBeyond, type PrintBounds } from './printBounds.ts'
import { logprobKindOf } from './printProgram.ts'
import { type PrintedAnswer, type PrintedRequest, readPrintedAnswer, readPrintedRequest } from './readPrinted.ts'
import { type WeighOptions, weighAnswer } from './weighAnswer.ts'
import type { PrintFigures } from './weighPrint.ts'

export type VerifyPrintOptions = WeighOptions & {
  /** As it was sent, or as its client wrote it: a gateway writes JSON anew, without white space. */
  request: Uint8Array
  /** As it came: the JSON, or all events. */
  response: Uint8Array
  /** By storage root. Bytes are hashed here; a `ByteSource` must check what it reads by itself. Undefined when nobody has them. */
  loadWeights(modelRoot: Hex): Promise<Uint8Array | ByteSource | undefined>
  expected?: Expectations
}

/** A wrong bundle is an answer; throws only what `loadWeights` throws and faults of the machine. */
export async function verifyPrint(bundle: Bundle, options: VerifyPrintOptions): Promise<Verification> {
  const early = await checkBundle(bundle, options.expected)
  if (early) return refuse(early)
  const { receipt } = bundle
  const kind = logprobKindOf(receipt.programId)
  if (!isBodyBundle(bundle) || receipt.check !== checks.fingerprint || !kind) {
    return refuse({ fault: 'unsupported', detail: 'This is no receipt of an answer with a fingerprint.' })
  }
  const shown = readShown(bundle.opening, options)
  if ('fault' in shown) return refuse(shown)
  const weights = await options.loadWeights(receipt.modelRoot)
  if (!weights) return refuse({ fault: 'weights', detail: `Nobody here has the weights ${receipt.modelRoot}.` })
  const root = weights instanceof Uint8Array ? bytesToHex(fileRoot(weights)) : receipt.modelRoot
  if (root !== receipt.modelRoot) return refuse(differ('weights', 'root of the weights', root, receipt.modelRoot))
  const model = await loadModel(weights)
  const figures = await weighAnswer(model, shown.request, shown.answer, kind, options)
  if ('fault' in figures) return refuse({ fault: 'fingerprint', detail: figures.fault })
  const { bounds, honest } = boundsOf(receipt.modelRoot)
  const alarms = describeAlarms(honest)
  const usage = { promptTokens: Number(receipt.promptTokens), completionTokens: Number(receipt.completionTokens) }
  if (figures.positions < bounds.positionsMin) {
    const note = `Fingerprint too short: ${figures.positions} positions say nothing, ${bounds.positionsMin} are needed; the answer is the word of the provider.`
    return { accepted: true, reExecuted: false, ...usage, note }
  }
  const beyond = findBeyond(figures, bounds)
  if (beyond !== undefined) return refuse({ fault: 'fingerprint', detail: `${beyond}; ${alarms}` })
  return {
    accepted: true,
    reExecuted: false,
    ...usage,
    note: noteOf(figures, bounds, alarms),
    fingerprint: figures,
  }
}

function readShown(
  { requestSha256, responseSha256 }: BodyOpening,
  { request: sent, response }: VerifyPrintOptions,
): { request: PrintedRequest; answer: PrintedAnswer } | Difference {
  const bytes = findRequest(sent, requestSha256)
  if (!bytes) return differ('commitment', 'SHA-256 of the request', bytesToHex(sha256(sent)), requestSha256)
  const found = bytesToHex(sha256(response))
  if (found !== responseSha256) return differ('commitment', 'SHA-256 of the answer', found, responseSha256)
  const request = readPrintedRequest(parse(bytes))
  const answer = readPrintedAnswer(response)
  if (!request) return { fault: 'unsupported', detail: 'Of answers to such a request no fingerprint can be weighed.' }
  if (!answer)
    return { fault: 'fingerprint', detail: 'The answer shows no log-probabilities, though its receipt says so.' }
  return { request, answer }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(bytesToText(bytes))
  } catch {
    // The provider signed for what is no request.
    return undefined
  }
}

const unfair = 'It does not show that sampling was fair, or that nothing finer was changed.'

function noteOf({ positions, error }: PrintFigures, bounds: PrintBounds, alarms: string): string {
  const near = `over ${positions} positions log-probabilities are ${error.toFixed(3)} nats from this model's (bound ${bounds.error})`
  return `Fingerprint agrees: ${near}; ${alarms}. ${unfair}`
}

function refuse(difference: Difference): Verification {
  return { accepted: false, ...difference }
}
