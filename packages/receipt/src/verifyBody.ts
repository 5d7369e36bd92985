/**
 * Makes the answer of a receipt about bytes again, where the bytes follow from the request and the model: embeddings of the
 * exact encoder. Whoever has the request's bytes can do it; the provider is not asked. Spec: RECEIPT §7.5
 */
import { bytesToHex, bytesToText, textToBytes } from '@weightless/codec'
import { fileRoot, sha256 } from '@weightless/crypto'
import { type Encoder, type EncoderFiles, openEncoder } from '@weightless/tensor'
import { isBodyBundle } from './bundle.ts'
import { checkBundle, type Difference, differ, type Expectations } from './checkBundle.ts'
import type { Bundle } from './openedReceipt.ts'
import { checks } from './receipt.ts'
import type { Verification } from './verifyBundle.ts'

export type VerifyBodyOptions = {
  /** As it was sent, or as its client wrote it: a gateway writes JSON anew, without white space. */
  request: Uint8Array
  /** From anywhere; they are checked against the receipt's roots. */
  files: EncoderFiles
  /** How the request is read and its answer written; undefined for a request that has none. */
  remake(encoder: Encoder, request: Uint8Array): Promise<{ body: Uint8Array; promptTokens: number } | undefined>
  expected?: Expectations
}

/** A wrong bundle is an answer. @throws {EncoderInvalidError} {SafetensorsInvalidError} files that are no encoder */
export async function verifyBody(bundle: Bundle, options: VerifyBodyOptions): Promise<Verification> {
  const early = await checkBundle(bundle, options.expected)
  if (early) return { accepted: false, ...early }
  const { receipt } = bundle
  if (!isBodyBundle(bundle) || receipt.check !== checks.reExecution) {
    return refuse({ fault: 'unsupported', detail: 'This is no receipt of an answer whose bytes can be made again.' })
  }
  const { opening } = bundle
  const request = findRequest(options.request, opening.requestSha256)
  if (!request) {
    return refuse(differ('commitment', 'SHA-256 of the request', hashOf(options.request), opening.requestSha256))
  }
  const root = bytesToHex(fileRoot(options.files.weights))
  if (root !== receipt.modelRoot) return refuse(differ('weights', 'root of the weights', root, receipt.modelRoot))
  const encoder = await openEncoder(options.files)
  for (const name of ['programId', 'tokenizerRoot'] as const) {
    if (encoder[name] !== receipt[name]) return refuse(differ('program', name, encoder[name], receipt[name]))
  }
  const made = await options.remake(encoder, request)
  if (!made) return refuse({ fault: 'text', detail: 'The request is none that has an answer.' })
  const response = hashOf(made.body)
  if (response !== opening.responseSha256) {
    return refuse(differ('text', 'SHA-256 of the answer', response, opening.responseSha256))
  }
  const { promptTokens } = made
  if (BigInt(promptTokens) !== receipt.promptTokens || receipt.completionTokens !== 0n) {
    return refuse(differ('usage', 'prompt tokens', promptTokens, receipt.promptTokens))
  }
  return { accepted: true, reExecuted: true, promptTokens, completionTokens: 0, text: '' }
}

const hashOf = (bytes: Uint8Array) => bytesToHex(sha256(bytes))

function refuse(difference: Difference): Verification {
  return { accepted: false, ...difference }
}

/** The bytes with this hash: those given, or the same JSON as a gateway passes it on. */
export function findRequest(given: Uint8Array, wanted: string): Uint8Array | undefined {
  if (hashOf(given) === wanted) return given
  try {
    const { provider: _, models: __, ...json } = JSON.parse(bytesToText(given)) as Record<string, unknown>
    const passedOn = textToBytes(JSON.stringify(json))
    return hashOf(passedOn) === wanted ? passedOn : undefined
  } catch {
    // No JSON, so nothing that was written anew.
    return undefined
  }
}
